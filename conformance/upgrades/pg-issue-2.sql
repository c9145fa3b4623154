begin;

create schema if not exists {{schema}};
create table if not exists {{schema}}.workflow_migration (
  version integer not null,
  name text not null,
  min_client integer not null,
  applied_at timestamptz not null default clock_timestamp(),
  constraint workflow_migration_pkey primary key (version)
);

insert into {{schema}}.workflow_migration (version, name, min_client) values (1, 'init', 1);
-- min_client: 1
-- Runs. No index names a column that a commit which keeps its lease changes (revision, turn, seen_wake_seq, updated_at), nor
-- one that a renewal changes: such an update stays on its page (HOT). The condition of an index names its columns too,
-- hence 'leased'. Leases are written to all day long: dead rows are to be cleared away before they are many.
create table {{schema}}.workflow_runs (
  run_id text collate "C" not null,
  workflow text collate "C" not null,
  status text collate "C" not null default 'running',
  input text not null,
  input_digest text not null,
  output text,
  error text,
  reason text,
  tags text[] not null default '{}',
  parent_run_id text collate "C",
  parent_step text collate "C",
  parent_ordinal integer,
  parent_on_end text collate "C",
  has_children boolean not null default false,
  revision bigint not null default 0,
  wake_seq bigint not null default 1,
  seen_wake_seq bigint not null default 0,
  epoch bigint not null default 0,
  turn bigint not null default 0,
  owner text,
  claim_id text,
  lease_until timestamptz,
  leased boolean generated always as (lease_until is not null) stored,
  crashes integer not null default 0,
  halted boolean not null default false,
  blocked text[] collate "C" not null default '{}',
  ring_at timestamptz,
  rung boolean not null default false,
  rings integer not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  ended_at timestamptz,
  constraint workflow_runs_pkey primary key (run_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

create index workflow_runs_ring on {{schema}}.workflow_runs (workflow, rung, ring_at)
  where ring_at is not null and not leased and ended_at is null;
create index workflow_runs_family on {{schema}}.workflow_runs (ring_at) where ring_at is not null and ended_at is not null;
create index workflow_runs_lease on {{schema}}.workflow_runs (owner) where leased;
create index workflow_runs_children on {{schema}}.workflow_runs (parent_run_id)
  where parent_run_id is not null and ended_at is null;
create index workflow_runs_created on {{schema}}.workflow_runs (created_at desc, run_id desc);
create index workflow_runs_workflow on {{schema}}.workflow_runs (workflow, created_at desc, run_id desc);
create index workflow_runs_ended on {{schema}}.workflow_runs (ended_at, run_id) where ended_at is not null;
create index workflow_runs_tags on {{schema}}.workflow_runs using gin (tags) where cardinality(tags) > 0;

create table {{schema}}.workflow_step (
  run_id text collate "C" not null,
  name text collate "C" not null,
  ordinal integer not null,
  kind text collate "C" not null,
  status text collate "C" not null,
  rpc_name text collate "C",
  input text,
  input_digest text,
  output text,
  error text,
  reason text,
  retries integer,
  retry_delay_ms bigint,
  child_run_id text collate "C",
  attempt integer not null default 0,
  lost integer not null default 0,
  asked_after bigint not null,
  asked_revision bigint not null,
  settled_seq bigint,
  settled_at timestamptz,
  revision bigint not null,
  due_at timestamptz,
  epoch bigint not null default 0,
  worker text,
  claim_id text,
  lease_until timestamptz,
  leased boolean generated always as (lease_until is not null) stored,
  ending text collate "C",
  ring_at timestamptz,
  rung boolean not null default false,
  rings integer not null default 0,
  dispatches integer not null default 0,
  created_at timestamptz not null,
  started_at timestamptz,
  constraint workflow_step_pkey primary key (run_id, name, ordinal)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- The condition always holds. It keeps this index out of every plan that does not repeat it: while a table is tiny, any
-- index that begins with run_id looks as good as the primary key, and such a plan would be kept.
create index workflow_step_revision on {{schema}}.workflow_step (run_id, revision) where revision > 0;
create index workflow_step_due on {{schema}}.workflow_step (run_id, due_at) where status = 'scheduled' and due_at is not null;
create index workflow_step_ring on {{schema}}.workflow_step (rung, ring_at) where ring_at is not null and not leased;
create index workflow_step_lease on {{schema}}.workflow_step (worker) where leased;

-- Attempts that did not settle their step: failed with another to come, or lost. The last attempt is the step's own row.
create table {{schema}}.workflow_attempt (
  run_id text collate "C" not null,
  name text collate "C" not null,
  ordinal integer not null,
  attempt integer not null,
  outcome text collate "C" not null,
  error text,
  worker text,
  revision bigint not null,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  constraint workflow_attempt_pkey primary key (run_id, name, ordinal, attempt)
);

-- Signals. A consumed one stays without its payload, so that its id is known.
create table {{schema}}.workflow_signal (
  run_id text collate "C" not null,
  signal_id text collate "C" not null,
  name text collate "C" not null,
  payload text not null,
  revision bigint not null,
  consumed boolean not null default false,
  created_at timestamptz not null,
  constraint workflow_signal_pkey primary key (run_id, signal_id)
);

create index workflow_signal_waiting on {{schema}}.workflow_signal (run_id, revision) where not consumed;

-- Processes whose connection tells that they live.
create table {{schema}}.workflow_worker (
  owner text collate "C" not null,
  lock_key integer generated always as identity,
  enlisted_at timestamptz not null,
  gone_since timestamptz,
  constraint workflow_worker_pkey primary key (owner)
);


commit;

insert into {{schema}}.workflow_attempt ("run_id", "name", "ordinal", "attempt", "outcome", "error", "worker", "revision", "started_at", "ended_at") overriding system value values
  ('inline retry', 'here', '0', '1', 'failed', E'[["Error",1],{"name":2,"message":3,"stack":4},"Error","not yet","Error: not yet\\n    at workflow.do.retries [as run] (file:///app/conformance/upgrades/app.ts:67:37)\\n    at file:///app/packages/core/src/engine/open-inline.ts:88:87\\n    at AsyncLocalStorage.run (node:internal/async_local_storage/async_context_frame:65:14)\\n    at call (file:///app/packages/core/src/engine/open-inline.ts:88:41)\\n    at runAttempt (file:///app/packages/core/src/engine/run-attempt.ts:34:20)\\n    at Object.run (file:///app/packages/core/src/engine/open-inline.ts:89:43)\\n    at InlineSteps.start (file:///app/packages/core/src/engine/inline-steps.ts:34:8)\\n    at #act (file:///app/packages/core/src/engine/run-turns.ts:172:47)\\n    at async #play (file:///app/packages/core/src/engine/run-turns.ts:126:21)\\n    at async RunTurns.play (file:///app/packages/core/src/engine/run-turns.ts:102:14)"]', 'vm:30396:85c8075e', '1', '2026-11-23 14:31:34.221398+00', '2026-11-23 14:31:34.222398+00'),
  ('retry', 'flaky', '0', '1', 'failed', E'[["Error",1],{"type":2,"name":2,"message":3,"stack":4,"fields":5},"RangeError","not yet","RangeError: not yet\\n    at flaky (file:///app/conformance/upgrades/app.ts:30:46)\\n    at called (file:///app/conformance/upgrades/app.ts:110:7)\\n    at #enter (file:///app/packages/core/src/service/app.ts:83:12)\\n    at #call (file:///app/packages/core/src/service/app.ts:78:37)\\n    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)\\n    at async runAttempt (file:///app/packages/core/src/engine/run-attempt.ts:34:14)\\n    at async #attempt (file:///app/packages/core/src/engine/step-worker.ts:121:14)\\n    at async #runAndSettle (file:///app/packages/core/src/engine/step-worker.ts:85:21)\\n    at async #take (file:///app/packages/core/src/engine/step-worker.ts:75:12)\\n    at async #run (file:///app/packages/core/src/engine/step-worker.ts:48:5)",{"at":6},["Date","1970-01-01T00:00:00.000Z"]]', 'vm:30396:85c8075e', '3', '2026-11-23 14:31:34.141716+00', '2026-11-23 14:31:34.166117+00');

insert into {{schema}}.workflow_runs ("run_id", "workflow", "status", "input", "input_digest", "output", "error", "reason", "tags", "parent_run_id", "parent_step", "parent_ordinal", "parent_on_end", "has_children", "revision", "wake_seq", "seen_wake_seq", "epoch", "turn", "owner", "claim_id", "lease_until", "crashes", "halted", "blocked", "ring_at", "rung", "rings", "created_at", "updated_at", "ended_at") overriding system value values
  ('cancelled from outside', 'sleeping', 'cancelled', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, 'no longer wanted', '{}', null, null, null, null, 'false', '5', '2', '2', '2', '1', 'vm:30396:85c8075e', 'f85d646b-75e1-40f0-b9d1-0aecb0ddda9d', null, '0', 'false', '{}', null, 'true', '1', '2026-11-23 14:31:34.795779+00', '2026-11-23 14:31:34.909455+00', '2026-11-23 14:31:34.909455+00'),
  ('cancelled', 'cancels', 'cancelled', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, 'not wanted', '{}', null, null, null, null, 'false', '0', '1', '1', '1', '1', 'vm:30396:85c8075e', '117b1385-6753-4f63-ac42-2958bcf6d543', null, '0', 'false', '{}', null, 'true', '1', '2026-11-23 14:31:34.742631+00', '2026-11-23 14:31:34.75173+00', '2026-11-23 14:31:34.75173+00'),
  ('completed', 'completes', 'completed', '[4]', '46b1884167c4edd308bcf0c04163dd02', '[5]', null, null, '{}', null, null, null, null, 'false', '3', '2', '2', '2', '1', 'vm:30396:85c8075e', '015783d9-38b7-4c67-bce9-6e272c7e3691', null, '0', 'false', '{}', null, 'true', '1', '2026-11-23 14:31:34.604787+00', '2026-11-23 14:31:34.65702+00', '2026-11-23 14:31:34.65702+00'),
  ('diverging', 'diverging', 'suspended', '[1]', '080a9ed428559ef602668b4c00f114f1', null, null, 'the code does not fit the history of this run: the history holds ''one'' (an RPC step ''add''), which the code does not ask for; it asks for ''renamed'', which the history does not hold. A worker whose code fits goes on with it by itself', '{}', null, null, null, null, 'false', '5', '2', '2', '3', '1', 'vm:29523:f4564137', 'd18d8de1-8341-4061-9371-e52e30a65327', null, '0', 'true', '{5686e23e3ca2202c}', '2026-11-23 14:31:32.577151+00', 'true', '1', '2026-11-23 14:31:00.779052+00', '2026-11-23 14:31:32.577151+00', null),
  ('failed', 'fails', 'failed', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, E'[["Error",1],{"type":2,"name":2,"message":3,"stack":4},"TypeError","not this one","TypeError: not this one\\n    at fails (file:///app/conformance/upgrades/app.ts:99:13)\\n    at async App.callWorkflow (file:///app/packages/core/src/service/app.ts:44:20)"]', null, '{}', null, null, null, null, 'false', '3', '2', '2', '2', '1', 'vm:30396:85c8075e', 'e6faf195-9907-46bb-bee9-b2b7cf65a64f', null, '0', 'false', '{}', null, 'true', '1', '2026-11-23 14:31:34.68491+00', '2026-11-23 14:31:34.722499+00', '2026-11-23 14:31:34.722499+00'),
  ('fan', 'fan', 'running', '[25]', 'b022d439d70bbd7c48638504f94de6a5', null, null, null, '{}', null, null, null, null, 'false', '43', '1', '1', '1', '1', 'vm:30396:85c8075e', '430dda53-ea3a-4822-bce0-b8bf496b495b', null, '0', 'false', '{}', null, 'false', '0', '2026-11-23 14:31:34.929971+00', '2026-11-23 14:31:34.981953+00', null),
  ('inline retry', 'inline retry', 'running', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '{}', null, null, null, null, 'false', '1', '1', '1', '1', '1', 'vm:30396:85c8075e', 'f129856a-bf70-41d7-ab00-e5bee06973b0', '2026-11-23 14:31:44.287392+00', '0', 'false', '{}', null, 'false', '0', '2026-11-23 14:31:34.184474+00', '2026-11-23 14:31:34.222398+00', null),
  ('inline running', 'inline running', 'running', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '{}', null, null, null, null, 'false', '1', '1', '1', '1', '1', 'vm:30396:85c8075e', '5959dbb1-1a68-4b93-b67d-4d16abaa5b11', '2026-11-23 14:31:44.287392+00', '0', 'false', '{}', null, 'false', '0', '2026-11-23 14:31:34.249679+00', '2026-11-23 14:31:34.267301+00', null),
  ('loop', 'loop', 'running', '[1]', '080a9ed428559ef602668b4c00f114f1', null, null, null, '{}', null, null, null, null, 'false', '10', '4', '4', '4', '1', 'vm:30396:85c8075e', '605627d8-1a94-4176-874d-e0ece0035f47', null, '0', 'false', '{}', '2026-11-23 14:32:34.050307+00', 'false', '0', '2026-11-23 14:31:33.860952+00', '2026-11-23 14:31:34.050307+00', null),
  ('only started', 'completes', 'running', '[7]', '589ffd3acf522ae81192579f297589e9', null, null, null, '{}', null, null, null, null, 'false', '0', '1', '0', '0', '0', null, null, null, '0', 'false', '{}', '2026-11-23 14:31:35.151098+00', 'true', '1', '2026-11-23 14:31:35.151098+00', '2026-11-23 14:31:35.151098+00', null),
  ('race', 'race', 'running', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '{}', null, null, null, null, 'false', '3', '1', '1', '1', '1', 'vm:30396:85c8075e', '9c089a01-2795-4f0f-b28f-bec45d1d82a8', null, '0', 'false', '{}', '2026-11-23 14:32:34.356734+00', 'false', '0', '2026-11-23 14:31:34.320052+00', '2026-11-23 14:31:34.361525+00', null),
  ('retry', 'retry', 'running', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '{}', null, null, null, null, 'false', '3', '1', '1', '1', '1', 'vm:30396:85c8075e', '52e061c4-74bf-42ac-af5b-d766be0601c3', null, '0', 'false', '{}', null, 'false', '0', '2026-11-23 14:31:34.076062+00', '2026-11-23 14:31:34.166117+00', null),
  ('rich', 'rich', 'running', E'[{"when":1,"counts":2,"bytes":5,"nothing":-1,"text":7},["Date","2026-01-02T03:04:05.678Z"],["Map",3,4],"a",["BigInt","1"],["Uint8Array",6],["ArrayBuffer","AP8="],"a\\u0000b"]', '88f43bb1d143f9e7d0fc8c7553c070d1', null, null, null, '{}', null, null, null, null, 'false', '4', '2', '2', '2', '1', 'vm:30396:85c8075e', '25462281-7aad-4294-9859-43c7a6733eea', null, '0', 'false', '{}', '2026-11-23 14:32:34.496397+00', 'false', '0', '2026-11-23 14:31:34.445714+00', '2026-11-23 14:31:34.496397+00', null),
  ('sleeping', 'sleeping', 'running', '[1]', '080a9ed428559ef602668b4c00f114f1', null, null, null, '{}', null, null, null, null, 'false', '4', '2', '2', '2', '1', 'vm:30396:85c8075e', '48121d97-3c6a-4a21-ad92-3ad9bf6a956d', null, '0', 'false', '{}', '2026-11-23 14:32:33.812158+00', 'false', '0', '2026-11-23 14:31:33.63781+00', '2026-11-23 14:31:33.812158+00', null),
  ('un-awaited', 'un-awaited', 'running', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '{}', null, null, null, null, 'false', '5', '2', '2', '2', '1', 'vm:30396:85c8075e', '641effd9-9ce9-41b6-aa37-70aa2b13281c', null, '0', 'false', '{}', null, 'false', '0', '2026-11-23 14:31:34.39276+00', '2026-11-23 14:31:34.430841+00', null);

insert into {{schema}}.workflow_step ("run_id", "name", "ordinal", "kind", "status", "rpc_name", "input", "input_digest", "output", "error", "reason", "retries", "retry_delay_ms", "child_run_id", "attempt", "lost", "asked_after", "asked_revision", "settled_seq", "settled_at", "revision", "due_at", "epoch", "worker", "claim_id", "lease_until", "ending", "ring_at", "rung", "rings", "dispatches", "created_at", "started_at") overriding system value values
  ('cancelled from outside', 'first', '0', 'rpc', 'succeeded', 'add', '[4]', '46b1884167c4edd308bcf0c04163dd02', '[5]', null, null, '0', '0', null, '1', '0', '0', '1', '3', '2026-11-23 14:31:34.832648+00', '3', null, '1', 'vm:30396:85c8075e', '1535c463-c30a-4e12-b2e0-2b39b5976ed9', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:34.80771+00', '2026-11-23 14:31:34.82175+00'),
  ('cancelled from outside', 'nap', '0', 'sleep', 'scheduled', null, null, null, null, null, null, null, null, null, '0', '0', '3', '4', null, null, '4', '2026-11-23 14:32:34.855158+00', '0', null, null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:34.855158+00', null),
  ('completed', 'first', '0', 'rpc', 'succeeded', 'add', '[4]', '46b1884167c4edd308bcf0c04163dd02', '[5]', null, null, '0', '0', null, '1', '0', '0', '1', '3', '2026-11-23 14:31:34.632704+00', '3', null, '1', 'vm:30396:85c8075e', 'bc5d2123-52c0-414a-99d5-6e0f0c7907cb', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:34.610001+00', '2026-11-23 14:31:34.623855+00'),
  ('diverging', 'nap', '0', 'sleep', 'succeeded', null, null, null, '', null, null, null, null, null, '0', '0', '3', '4', '5', '2026-11-23 14:31:02.543543+00', '5', null, '0', null, null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:01.028814+00', null),
  ('diverging', 'one', '0', 'rpc', 'succeeded', 'add', '[1]', '080a9ed428559ef602668b4c00f114f1', '[2]', null, null, '0', '0', null, '1', '0', '0', '1', '3', '2026-11-23 14:31:00.966145+00', '3', null, '1', 'vm:29483:cfc2cb0c', '3d357f92-c74d-4707-b422-1e29daf49bb5', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:00.928846+00', '2026-11-23 14:31:00.946157+00'),
  ('failed', 'first', '0', 'rpc', 'succeeded', 'add', '[4]', '46b1884167c4edd308bcf0c04163dd02', '[5]', null, null, '0', '0', null, '1', '0', '0', '1', '3', '2026-11-23 14:31:34.710559+00', '3', null, '1', 'vm:30396:85c8075e', 'ddbeafe9-8083-4c30-8540-057c39553aa6', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:34.695821+00', '2026-11-23 14:31:34.703498+00'),
  ('fan', 'member', '0', 'rpc', 'running', 'hangs', '[0]', 'd0bca111f8628137adc4c16f123496dc', null, null, null, '0', '0', null, '1', '0', '0', '1', null, null, '26', null, '1', 'vm:30396:85c8075e', '70d43267-78e1-47cc-a9f3-5a91cdbf4cd3', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '1', 'rpc', 'running', 'hangs', '[1]', '080a9ed428559ef602668b4c00f114f1', null, null, null, '0', '0', null, '1', '0', '0', '2', null, null, '27', null, '1', 'vm:30396:85c8075e', '02948949-e1cb-4442-a18c-40f7fb942929', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '10', 'rpc', 'running', 'hangs', '[10]', '41164c427f4cf681cc1b50eaf1a175e3', null, null, null, '0', '0', null, '1', '0', '0', '11', null, null, '36', null, '1', 'vm:30396:85c8075e', 'c6e91a08-0061-40b4-b3cc-c82b27d2fc30', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '11', 'rpc', 'running', 'hangs', '[11]', '95bce61a71a78185f4b6f8f25fc69861', null, null, null, '0', '0', null, '1', '0', '0', '12', null, null, '37', null, '1', 'vm:30396:85c8075e', '7079dccd-fc7b-4162-aad4-6d23bbdcd30a', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '12', 'rpc', 'running', 'hangs', '[12]', '568f15e9fe7bcf0adbe2836f7b2c521a', null, null, null, '0', '0', null, '1', '0', '0', '13', null, null, '38', null, '1', 'vm:30396:85c8075e', '06856705-cae1-4a76-b422-818a9582b40f', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '13', 'rpc', 'running', 'hangs', '[13]', '525ec3b5ad9afc0f09a5f7e0eb865e97', null, null, null, '0', '0', null, '1', '0', '0', '14', null, null, '39', null, '1', 'vm:30396:85c8075e', 'fd443e2c-66af-4fa1-a7bb-8e91d49a1d84', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '14', 'rpc', 'running', 'hangs', '[14]', 'b8d52dc8aa20e6a056357c967c95447d', null, null, null, '0', '0', null, '1', '0', '0', '15', null, null, '40', null, '1', 'vm:30396:85c8075e', 'a529c2f8-fbc7-448a-97a8-878c23302b8d', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '15', 'rpc', 'running', 'hangs', '[15]', '3bcf2afdb32ea342100e69fd054bb705', null, null, null, '0', '0', null, '1', '0', '0', '16', null, null, '41', null, '1', 'vm:30396:85c8075e', 'e08a5b24-4796-4c33-b08e-5a1bed7beeeb', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '16', 'rpc', 'running', 'hangs', '[16]', 'f0d0e023f9b1a4da91c19ac15cf2ea71', null, null, null, '0', '0', null, '1', '0', '0', '17', null, null, '42', null, '1', 'vm:30396:85c8075e', '479add4f-88d0-43f1-9172-bcb8b8796a65', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '17', 'rpc', 'running', 'hangs', '[17]', 'fe3b7b3db0778380f48e04b7f215ea1a', null, null, null, '0', '0', null, '1', '0', '0', '18', null, null, '43', null, '1', 'vm:30396:85c8075e', 'c2bffa33-1572-4cdd-a881-9f713b2833d1', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '18', 'rpc', 'scheduled', 'hangs', '[18]', '5c43cd9d0adb3c014f9d7ce845a81cb2', null, null, null, '0', '0', null, '0', '0', '0', '19', null, null, '19', null, '0', null, null, null, null, '2026-11-23 14:31:34.961339+00', 'true', '1', '1', '2026-11-23 14:31:34.961339+00', null),
  ('fan', 'member', '19', 'rpc', 'scheduled', 'hangs', '[19]', '691f362eb14915823efa2d8ac4afde3c', null, null, null, '0', '0', null, '0', '0', '0', '20', null, null, '20', null, '0', null, null, null, null, '2026-11-23 14:31:34.961339+00', 'true', '1', '1', '2026-11-23 14:31:34.961339+00', null),
  ('fan', 'member', '2', 'rpc', 'running', 'hangs', '[2]', '038966de9f6b9a901b20b4c6ca8b2a46', null, null, null, '0', '0', null, '1', '0', '0', '3', null, null, '28', null, '1', 'vm:30396:85c8075e', '1b7f7223-e9e5-420c-9147-4223df1e3d9e', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '20', 'rpc', 'scheduled', 'hangs', '[20]', '49e165525ebdb26f765e7bbab7689c47', null, null, null, '0', '0', null, '0', '0', '0', '21', null, null, '21', null, '0', null, null, null, null, '2026-11-23 14:31:34.961339+00', 'true', '1', '1', '2026-11-23 14:31:34.961339+00', null),
  ('fan', 'member', '21', 'rpc', 'scheduled', 'hangs', '[21]', '3db4e2d15128484c18e33cde50510caf', null, null, null, '0', '0', null, '0', '0', '0', '22', null, null, '22', null, '0', null, null, null, null, '2026-11-23 14:31:34.961339+00', 'true', '1', '1', '2026-11-23 14:31:34.961339+00', null),
  ('fan', 'member', '22', 'rpc', 'scheduled', 'hangs', '[22]', 'eb3c4eb5d08cfdfeccc15734ae86cde2', null, null, null, '0', '0', null, '0', '0', '0', '23', null, null, '23', null, '0', null, null, null, null, '2026-11-23 14:31:34.961339+00', 'true', '1', '1', '2026-11-23 14:31:34.961339+00', null),
  ('fan', 'member', '23', 'rpc', 'scheduled', 'hangs', '[23]', '2dbe74fef49e2e8390183a9bc0e94501', null, null, null, '0', '0', null, '0', '0', '0', '24', null, null, '24', null, '0', null, null, null, null, '2026-11-23 14:31:34.961339+00', 'true', '1', '1', '2026-11-23 14:31:34.961339+00', null),
  ('fan', 'member', '24', 'rpc', 'scheduled', 'hangs', '[24]', '501376e57c8da536b2be29ebdc7dbeac', null, null, null, '0', '0', null, '0', '0', '0', '25', null, null, '25', null, '0', null, null, null, null, '2026-11-23 14:31:34.961339+00', 'true', '1', '1', '2026-11-23 14:31:34.961339+00', null),
  ('fan', 'member', '3', 'rpc', 'running', 'hangs', '[3]', '06d033ece6645de592db973644cf7357', null, null, null, '0', '0', null, '1', '0', '0', '4', null, null, '29', null, '1', 'vm:30396:85c8075e', '9d565f03-11cc-4383-93b6-0d37888aeb9d', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '4', 'rpc', 'running', 'hangs', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '0', '0', null, '1', '0', '0', '5', null, null, '30', null, '1', 'vm:30396:85c8075e', '3c9eb975-03da-4e66-a924-fdc9f8fc851a', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '5', 'rpc', 'running', 'hangs', '[5]', '1ae3592f8248c3f879b56afe3f2ce6aa', null, null, null, '0', '0', null, '1', '0', '0', '6', null, null, '31', null, '1', 'vm:30396:85c8075e', '88675505-fdbd-431d-a5cb-0849492c976d', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '6', 'rpc', 'running', 'hangs', '[6]', 'fe94b827f0455bee6f4a6a265286f827', null, null, null, '0', '0', null, '1', '0', '0', '7', null, null, '32', null, '1', 'vm:30396:85c8075e', 'c7786bd4-0a52-467a-82bc-200a8500b66e', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '7', 'rpc', 'running', 'hangs', '[7]', '589ffd3acf522ae81192579f297589e9', null, null, null, '0', '0', null, '1', '0', '0', '8', null, null, '33', null, '1', 'vm:30396:85c8075e', 'a15982ee-8597-419f-8cfc-14d25d9c159b', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '8', 'rpc', 'running', 'hangs', '[8]', 'a8f2ecf6c811b67c050190173c8b89ce', null, null, null, '0', '0', null, '1', '0', '0', '9', null, null, '34', null, '1', 'vm:30396:85c8075e', 'acbf89f0-527f-40e1-9ea9-8e6cb253c35c', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('fan', 'member', '9', 'rpc', 'running', 'hangs', '[9]', '16390873ae6b6a173fc894a873bab022', null, null, null, '0', '0', null, '1', '0', '0', '10', null, null, '35', null, '1', 'vm:30396:85c8075e', '96d4edaa-c200-4429-b5c6-9ee98c5f4969', '2026-11-23 14:31:44.981953+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.961339+00', '2026-11-23 14:31:34.981953+00'),
  ('inline retry', 'here', '0', 'inline', 'scheduled', null, null, null, null, E'[["Error",1],{"name":2,"message":3,"stack":4},"Error","not yet","Error: not yet\\n    at workflow.do.retries [as run] (file:///app/conformance/upgrades/app.ts:67:37)\\n    at file:///app/packages/core/src/engine/open-inline.ts:88:87\\n    at AsyncLocalStorage.run (node:internal/async_local_storage/async_context_frame:65:14)\\n    at call (file:///app/packages/core/src/engine/open-inline.ts:88:41)\\n    at runAttempt (file:///app/packages/core/src/engine/run-attempt.ts:34:20)\\n    at Object.run (file:///app/packages/core/src/engine/open-inline.ts:89:43)\\n    at InlineSteps.start (file:///app/packages/core/src/engine/inline-steps.ts:34:8)\\n    at #act (file:///app/packages/core/src/engine/run-turns.ts:172:47)\\n    at async #play (file:///app/packages/core/src/engine/run-turns.ts:126:21)\\n    at async RunTurns.play (file:///app/packages/core/src/engine/run-turns.ts:102:14)"]', null, null, null, null, '1', '0', '0', '1', null, null, '1', '2026-11-23 14:32:34.222398+00', '0', 'vm:30396:85c8075e', null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:34.222398+00', '2026-11-23 14:31:34.221398+00'),
  ('inline running', 'quick', '0', 'inline', 'succeeded', null, null, null, '[5]', null, null, null, null, null, '1', '0', '0', '1', '1', '2026-11-23 14:31:34.267301+00', '1', null, '0', 'vm:30396:85c8075e', null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:34.267301+00', '2026-11-23 14:31:34.267301+00'),
  ('loop', 'nap', '0', 'sleep', 'scheduled', null, null, null, null, null, null, null, null, null, '0', '0', '9', '10', null, null, '10', '2026-11-23 14:32:34.050307+00', '0', null, null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:34.050307+00', null),
  ('loop', 'same', '0', 'rpc', 'succeeded', 'add', '[1]', '080a9ed428559ef602668b4c00f114f1', '[2]', null, null, '0', '0', null, '1', '0', '0', '1', '3', '2026-11-23 14:31:33.942822+00', '3', null, '1', 'vm:30396:85c8075e', '02461efc-616d-42c0-a717-0fd0090a0eaf', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:33.904767+00', '2026-11-23 14:31:33.918514+00'),
  ('loop', 'same', '1', 'rpc', 'succeeded', 'add', '[2]', '038966de9f6b9a901b20b4c6ca8b2a46', '[3]', null, null, '0', '0', null, '1', '0', '3', '4', '6', '2026-11-23 14:31:33.992834+00', '6', null, '1', 'vm:30396:85c8075e', 'd101502e-7721-4e2d-a462-0c89926f11a6', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:33.97734+00', '2026-11-23 14:31:33.984693+00'),
  ('loop', 'same', '2', 'rpc', 'succeeded', 'add', '[3]', '06d033ece6645de592db973644cf7357', '[4]', null, null, '0', '0', null, '1', '0', '6', '7', '9', '2026-11-23 14:31:34.041899+00', '9', null, '1', 'vm:30396:85c8075e', '8a4626ae-15cf-444f-888d-80b02521b5f6', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:34.006429+00', '2026-11-23 14:31:34.016851+00'),
  ('race', 'hanging', '0', 'rpc', 'running', 'hangs', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '0', '0', null, '1', '0', '0', '1', null, null, '3', null, '1', 'vm:30396:85c8075e', '199c9b7f-cd2a-42bd-bc66-53ecd7c8c272', '2026-11-23 14:31:44.466933+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.356734+00', '2026-11-23 14:31:34.361525+00'),
  ('race', 'limit', '0', 'sleep', 'scheduled', null, null, null, null, null, null, null, null, null, '0', '0', '0', '2', null, null, '2', '2026-11-23 14:32:34.356734+00', '0', null, null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:34.356734+00', null),
  ('retry', 'flaky', '0', 'rpc', 'scheduled', 'flaky', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, E'[["Error",1],{"type":2,"name":2,"message":3,"stack":4,"fields":5},"RangeError","not yet","RangeError: not yet\\n    at flaky (file:///app/conformance/upgrades/app.ts:30:46)\\n    at called (file:///app/conformance/upgrades/app.ts:110:7)\\n    at #enter (file:///app/packages/core/src/service/app.ts:83:12)\\n    at #call (file:///app/packages/core/src/service/app.ts:78:37)\\n    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)\\n    at async runAttempt (file:///app/packages/core/src/engine/run-attempt.ts:34:14)\\n    at async #attempt (file:///app/packages/core/src/engine/step-worker.ts:121:14)\\n    at async #runAndSettle (file:///app/packages/core/src/engine/step-worker.ts:85:21)\\n    at async #take (file:///app/packages/core/src/engine/step-worker.ts:75:12)\\n    at async #run (file:///app/packages/core/src/engine/step-worker.ts:48:5)",{"at":6},["Date","1970-01-01T00:00:00.000Z"]]', null, '2', '60000', null, '1', '0', '0', '1', null, null, '3', '2026-11-23 14:32:34.166117+00', '1', 'vm:30396:85c8075e', '2c155be1-dfd9-47af-890c-da8a9e909837', null, 'retry', '2026-11-23 14:32:34.166117+00', 'false', '0', '1', '2026-11-23 14:31:34.132931+00', '2026-11-23 14:31:34.141716+00'),
  ('rich', 'echo', '0', 'rpc', 'succeeded', 'echo', E'[{"when":1,"counts":2,"bytes":5,"nothing":-1,"text":7},["Date","2026-01-02T03:04:05.678Z"],["Map",3,4],"a",["BigInt","1"],["Uint8Array",6],["ArrayBuffer","AP8="],"a\\u0000b"]', '88f43bb1d143f9e7d0fc8c7553c070d1', E'[{"when":1,"counts":2,"bytes":5,"nothing":-1,"text":7},["Date","2026-01-02T03:04:05.678Z"],["Map",3,4],"a",["BigInt","1"],["Uint8Array",6],["ArrayBuffer","AP8="],"a\\u0000b"]', null, null, '0', '0', null, '1', '0', '0', '1', '3', '2026-11-23 14:31:34.481828+00', '3', null, '1', 'vm:30396:85c8075e', '77e6456a-fb4c-4512-8ca3-1098f55ceed2', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:34.457496+00', '2026-11-23 14:31:34.465846+00'),
  ('rich', 'nap', '0', 'sleep', 'scheduled', null, null, null, null, null, null, null, null, null, '0', '0', '3', '4', null, null, '4', '2026-11-23 14:32:34.496397+00', '0', null, null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:34.496397+00', null),
  ('sleeping', 'first', '0', 'rpc', 'succeeded', 'add', '[1]', '080a9ed428559ef602668b4c00f114f1', '[2]', null, null, '0', '0', null, '1', '0', '0', '1', '3', '2026-11-23 14:31:33.786328+00', '3', null, '1', 'vm:30396:85c8075e', '3267f3b4-57f3-4566-a225-167c7b76a479', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:33.755028+00', '2026-11-23 14:31:33.770757+00'),
  ('sleeping', 'nap', '0', 'sleep', 'scheduled', null, null, null, null, null, null, null, null, null, '0', '0', '3', '4', null, null, '4', '2026-11-23 14:32:33.812158+00', '0', null, null, null, null, null, 'false', '0', '0', '2026-11-23 14:31:33.812158+00', null),
  ('un-awaited', 'awaited', '0', 'rpc', 'succeeded', 'add', '[4]', '46b1884167c4edd308bcf0c04163dd02', '[5]', null, null, '0', '0', null, '1', '0', '0', '2', '5', '2026-11-23 14:31:34.416644+00', '5', null, '1', 'vm:30396:85c8075e', '3e943c84-dfc3-463a-bbfb-e52153038830', null, 'succeeded', null, 'false', '0', '1', '2026-11-23 14:31:34.40525+00', '2026-11-23 14:31:34.41416+00'),
  ('un-awaited', 'hanging', '0', 'rpc', 'running', 'hangs', '[4]', '46b1884167c4edd308bcf0c04163dd02', null, null, null, '0', '0', null, '1', '0', '0', '1', null, null, '3', null, '1', 'vm:30396:85c8075e', '0b0e3f31-0d74-4509-bcb1-416e248ea51b', '2026-11-23 14:31:44.466933+00', null, null, 'false', '0', '1', '2026-11-23 14:31:34.40525+00', '2026-11-23 14:31:34.41416+00');

insert into {{schema}}.workflow_worker ("owner", "lock_key", "enlisted_at", "gone_since") overriding system value values
  ('vm:30396:85c8075e', '3', '2026-11-23 14:31:33.592663+00', null);
