# #region folder
mkdir orders && cd orders
npm init --yes
npm pkg set type=module
# #endregion
# #region install
npm install @pikku/core @pikku/pg @pikku/queue-pg-boss postgres
npm install --save-dev @pikku/cli tsx typescript @types/node
# #endregion
# #region generate
npx pikku
npx tsc
# #endregion
# #region database
docker run --name orders-db --detach --publish 5432:5432 --env POSTGRES_PASSWORD=postgres postgres:18
# #endregion
# #region url
export DATABASE_URL=postgres://user:password@host:5432/database
# #endregion
# #region outside
npx tsx src/outside.ts
# #endregion
# #region worker
npx tsx src/worker.ts
# #endregion
# #region api
npx tsx src/api.ts
# #endregion
# #region order
curl localhost:3000/orders/1001 -d '{"item":"chair","quantity":2,"amount":180}'
# #endregion
# #region kill
kill -9 $WORKER    # the pid that the worker has printed
# #endregion
# #region look
curl localhost:3000/orders/1001
curl localhost:3000/orders/1001/history
# #endregion
# #region too-expensive
curl localhost:3000/orders/1002 -d '{"item":"throne","quantity":1,"amount":5000}'
curl localhost:3000/orders/1002
curl localhost:3000/orders/1002/history
# #endregion
