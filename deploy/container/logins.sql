-- Logins of the relay and of retention, for psql with the variables relay_password and dba_password. May run again.

SELECT 'CREATE ROLE relay LOGIN' WHERE to_regrole('relay') IS NULL
\gexec
SELECT 'CREATE ROLE dba LOGIN' WHERE to_regrole('dba') IS NULL
\gexec
ALTER ROLE relay PASSWORD :'relay_password';
ALTER ROLE dba PASSWORD :'dba_password';
GRANT khala_relay TO relay;
GRANT khala_dba TO dba;
