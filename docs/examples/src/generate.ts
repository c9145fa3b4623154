// #region generate
import { formatDiagnostic, generate } from '@pikku/cli'

const { diagnostics, result } = generate('pikku.config.json')
for (const diagnostic of diagnostics) console.error(formatDiagnostic(diagnostic))
// #endregion

console.log(JSON.stringify(result?.model.queueWorkers.map(({ queueName }) => queueName)))
