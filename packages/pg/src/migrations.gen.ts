/* Made from migrations/*.sql by scripts/build-migrations.mjs. Do not edit. */
export interface Migration {
  readonly version: number
  readonly name: string
  /** The oldest code that may work on a schema with this migration: the number of the newest migration it knows. */
  readonly minClient: number
  readonly text: string
}

export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'init',
    minClient: 1,
    text: `-- min_client: 1
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
`,
  },
]
