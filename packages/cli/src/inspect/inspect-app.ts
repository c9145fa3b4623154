import { existsSync } from 'node:fs'
import path from 'node:path'
import type { TsConfigResult } from 'get-tsconfig'
import type { Config } from '../config/config.ts'
import type { Diagnostics } from '../diagnostics.ts'
import { Specifiers, specifierStyle } from '../emit/specifier.ts'
import type { AppModel, RpcModel, WorkflowModel } from '../model/workflow-model.ts'
import { didYouMean } from '../nearest.ts'
import { byCodePoint } from '../order.ts'
import { DefinitionReader, type Inspection } from './definition.ts'
import { findFunctions } from './find-functions.ts'
import { findWirings } from './find-wirings.ts'
import { Project } from './project.ts'
import { TypeText } from './type-text.ts'

/** What the app has, read from its source without running it. What is wrong is in `diagnostics`. */
export function inspectApp(config: Config, tsconfig: TsConfigResult, diagnostics: Diagnostics): AppModel {
  const project = new Project(config, tsconfig, diagnostics)
  const types = new TypeText(new Specifiers(config.output, specifierStyle(tsconfig.config)), diagnostics)
  const inspection: Inspection = { project, types, diagnostics }
  const definitions = new DefinitionReader(inspection)
  checkServices(config, inspection)
  const files = project.definingFiles()
  const rpcs = findFunctions(files, definitions, inspection)
  const { workflows, queueWorkers, modules } = findWirings(files, definitions, inspection)
  checkSteps(workflows, rpcs, diagnostics)
  const queues = { orchestrator: config.orchestratorQueue, worker: config.workerQueue }
  for (const { queueName, position } of queueWorkers) {
    if (queueName === queues.orchestrator || queueName === queues.worker) {
      diagnostics.error(position, `queue '${queueName}' belongs to the workflows: take another name`)
    }
  }
  const allModules = new Set([...modules, ...rpcs.map(({ module }) => module)])
  return {
    rpcs,
    workflows,
    queueWorkers,
    modules: [...allModules].sort((a, b) => byCodePoint(project.nameOf(a), project.nameOf(b))),
    queues,
    services: config.services,
  }
}

function checkServices(config: Config, { project, diagnostics }: Inspection): void {
  const name = project.nameOf(config.services)
  if (!existsSync(config.services)) {
    diagnostics.error(
      { file: path.basename(config.file) },
      `services: found "${name}", which does not exist; accepted: the module that exports createSingletonServices`,
    )
    return
  }
  const source = project.read(config.services)
  if (source && !source.isBroken && !project.exports(source, 'createSingletonServices')) {
    diagnostics.error(
      { file: name },
      'createSingletonServices is missing: export `const createSingletonServices = async () => ({ workflowService, … })` here, ' +
        'or set `services` in the configuration to the module that does',
    )
  }
}

function checkSteps(workflows: readonly WorkflowModel[], rpcs: readonly RpcModel[], diagnostics: Diagnostics): void {
  const known = new Set(rpcs.map(({ name }) => name))
  for (const { rpc, rpcPosition, position } of workflows.flatMap(({ steps }) => steps)) {
    if (rpc !== undefined && !known.has(rpc)) {
      diagnostics.error(
        rpcPosition ?? position,
        `no exported function is named '${rpc}'${didYouMean(rpc, known) || '; export one, or correct the name'}`,
      )
    }
  }
}
