"""The page that `khala attach` prints: a topic, live in a browser, without a build."""

import json
from urllib.parse import quote, urlsplit

# A browser loads the module from where npm puts it; a bundler knows it as "khala-client".
_PAGE = """\
<!doctype html>
<pre></pre>
<script type="module">
  import {{ createKhalaClient }} from "./node_modules/khala-client/dist/index.js";
  const token = async () => (await fetch({token})).text();
  const khala = createKhalaClient({{ url: {ws}, token }});
  khala.topic({topic}).subscribe((rows) => {{
    document.querySelector("pre").textContent = rows.map((row) => JSON.stringify(row.payload)).join("\\n");
  }});
</script>
"""  # noqa: E501


def first_page(topic: str, organisation: str, ws: str) -> str:
    """The page, for the relay of a `khala dev` at this address."""
    address = urlsplit(ws).netloc
    token = f"http://{address}/api/dev/token?org={quote(organisation, safe='')}"
    values = {"token": token, "ws": ws, "topic": topic}
    return _PAGE.format(**{name: _literal(value) for name, value in values.items()})


def _literal(text: str) -> str:
    """A string of JavaScript, as it may stand in a page."""
    return json.dumps(text).replace("<", "\\u003c")
