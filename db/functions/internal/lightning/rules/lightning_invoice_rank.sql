-- Rank of an invoice's state: only a higher rank replaces a lower one.

CREATE OR REPLACE FUNCTION khala_internal.lightning_invoice_rank(p_status text)
RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
SELECT CASE p_status WHEN 'open' THEN 1 WHEN 'canceled' THEN 2 WHEN 'expired' THEN 2 WHEN 'settled' THEN 3 END;
END;

COMMENT ON FUNCTION khala_internal.lightning_invoice_rank(text) IS
'Internal: rank of an invoice''s state. Argument: open, canceled, expired or settled. Result: 1, 2, 2 or 3. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_invoice_rank(text) FROM public;
