import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'

export const reserveStock = pikkuSessionlessFunc<{ item: string; quantity: number }, string>(
  async ({ ask, workflowStep }, data) => ask('reservations', data, workflowStep),
)

export const chargeCard = pikkuSessionlessFunc<{ amount: number }, string>(async ({ ask, workflowStep }, data) =>
  ask('charges', data, workflowStep),
)

export const ship = pikkuSessionlessFunc<{ reservation: string }, string>(async ({ ask, workflowStep }, data) =>
  ask('parcels', data, workflowStep),
)

export const refund = pikkuSessionlessFunc<{ charge: string }, string>(async ({ ask, workflowStep }, data) =>
  ask('refunds', data, workflowStep),
)

export const releaseStock = pikkuSessionlessFunc<{ reservation: string }, string>(async ({ ask, workflowStep }, data) =>
  ask('releases', data, workflowStep),
)
