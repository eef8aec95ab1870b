-- Settings that the files here depend on, whatever the login has. For the rest of the transaction.
SET LOCAL client_encoding = 'UTF8';
SET LOCAL search_path = pg_catalog, pg_temp;
