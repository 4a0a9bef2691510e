/**
 * The host made ready for environments: its NIC under a bridge, and Docker's default network on it.
 *
 * Promises: before the first change the way back lies on the disk as a shell script, and a watchdog that needs nothing
 * of ours runs it unless somebody confirms; the next boot finds the old configuration until then; what was begun by a
 * command that was killed is finished or undone by the next one. It works without a daemon, and beside one.
 * It does not decide what a conversion is (`core/bridge`) nor what boot files look like (`files/boot`).
 */
import type { Applied, ApplyOptions, BridgePlan, BridgeStatus, BridgeWish } from './bridge.ts';

import type { DockerDefaultOptions, DockerDefaultPlan } from './docker.ts';

export type { Applied, ApplyOptions, BridgePlan, BridgeStatus, BridgeWish } from './bridge.ts';
export {
  applyBridge,
  bridgeStatus,
  confirmBridge,
  mendBridge,
  planBridge,
  planRemoval,
  removeBridge,
  rollbackBridge,
} from './bridge.ts';
export type { DockerDefaultOptions, DockerDefaultPlan } from './docker.ts';
export { applyDockerDefault, planDockerDefaultHere, rollbackDockerDefault } from './docker.ts';

/** What the command line is given of this room. */
export interface PrepareDoor {
  planBridge(wish: BridgeWish): Promise<BridgePlan>;
  planRemoval(stateDir: string): Promise<BridgePlan>;
  applyBridge(wish: BridgeWish, options: ApplyOptions): Promise<Applied>;
  removeBridge(stateDir: string, options: ApplyOptions): Promise<Applied>;
  confirmBridge(stateDir: string, how: { readonly here: boolean }): Promise<BridgeStatus>;
  rollbackBridge(stateDir: string, options: ApplyOptions): Promise<BridgeStatus>;
  bridgeStatus(stateDir: string): BridgeStatus;
  planDockerDefaultHere(options: DockerDefaultOptions): Promise<DockerDefaultPlan>;
  applyDockerDefault(options: DockerDefaultOptions): Promise<DockerDefaultPlan>;
  rollbackDockerDefault(options: DockerDefaultOptions): Promise<DockerDefaultPlan>;
}
