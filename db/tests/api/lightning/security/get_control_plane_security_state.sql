BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT results_eq(
    $$SELECT s -> 'ok', s #> '{global,globalPause}', s -> 'ownerControls', s -> 'credentialRoles' FROM lightning.get_control_plane_security_state() AS s$$,
    $$VALUES ('true'::jsonb, 'false'::jsonb, '[]'::jsonb, '[]'::jsonb)$$, 'at first nothing is paused'
);
SELECT lightning.set_owner_kill_switch('{"ownerId": "zoe", "active": true}'), lightning.set_owner_kill_switch('{"ownerId": "ann", "active": false}'), lightning.rotate_credential_role('{"role": "settlement_read"}'), lightning.revoke_credential_role('{"role": "gateway_invoice"}');
SELECT is((SELECT jsonb_path_query_array(lightning.get_control_plane_security_state('{}'), '$.ownerControls[*].ownerId')), '["ann", "zoe"]'::jsonb, 'by owner');
SELECT is((SELECT jsonb_path_query_array(lightning.get_control_plane_security_state('{}'), '$.credentialRoles[*].role')), '["gateway_invoice", "settlement_read"]'::jsonb, 'by role');
SELECT is((SELECT lightning.get_control_plane_security_state('{}') -> 'global' ? 'operatorsOrgId'), FALSE, 'a setting is no state');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
