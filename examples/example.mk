# The one command of an example: what it needs of the checkout, then the example, until Ctrl-C.
ROOT := $(abspath $(CURDIR)/../..)

start:
	@$(MAKE) --no-print-directory -C $(ROOT) env
	@cd $(ROOT) && exec .venv/bin/python -m examples.$(notdir $(CURDIR)).start

.PHONY: start
