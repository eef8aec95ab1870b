-- Retention by pg_cron, instead of a timer: run this as a member of khala_dba, in the database that has pg_cron.
--
-- A call purges at most one batch of each topic, so this keeps up with 10,000 writes a minute to a topic: raise
-- p_batch for more, to 1,000,000 at most. If pg_cron stands in another database, use cron.schedule_in_database.
-- pg_cron itself is not installed where the project's tests run: they execute the scheduled statement.

SELECT cron.schedule('khala retain', '* * * * *', $job$
SELECT * FROM khala.retain(p_batch => 10000)
$job$);
