# #region clone
git clone https://github.com/pikku-org/pikku-workflows.git
cd pikku-workflows
# #endregion
# #region two-commands
npm start    # PostgreSQL, an API, two workers, one run; on any machine with Node 20 and npm
npm test     # every test of every package, on real servers
# #endregion
# #region start
npm start
# #endregion
# #region crash
npm start -- --crash
# #endregion
# #region redis
npm start -- --redis --crash
# #endregion
# #region install
npm install @pikku/core @pikku/pg @pikku/queue-pg-boss postgres
npm install --save-dev @pikku/cli tsx typescript @types/node
# #endregion
# #region install-redis
npm install @pikku/core @pikku/redis @pikku/queue-bullmq ioredis
# #endregion
# #region create
npx @pikku/cli create my-app    # asks which store; --store pg or --store redis says it
# #endregion
# #region install-queue-pg-boss
npm install @pikku/core @pikku/queue-pg-boss
# #endregion
# #region install-queue-bullmq
npm install @pikku/core @pikku/queue-bullmq ioredis
# #endregion
# #region install-cli
npm install --save-dev @pikku/cli
# #endregion
# #region generate
npx pikku          # write the generated file
npx pikku watch    # and again after every change
# #endregion
# #region run
npx tsx src/worker.ts    # as many as you like
npx tsx src/server.ts
# #endregion
