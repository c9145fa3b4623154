-- By a role that may, after it has run what migrationPlan('workflows') answers.
grant usage on schema workflows to app;
grant select, insert, update, delete on all tables in schema workflows to app;
