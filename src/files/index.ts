/**
 * What people write: landline.yaml, environment files (as YAML, or as JSON from the API), `.env` files; text in,
 * checked values out.
 *
 * Promises: nothing but a value or a LandlineError comes out, whatever goes in; FILE_INVALID has every mistake, each
 * with line, column, what is wrong and what to write instead. It reads no disk and no environment.
 */
export { linkNetworkName } from '../core/link-network.ts';
export { parseConfiguration } from './configuration.ts';
export { parseDotenv } from './dotenv.ts';
export { draftConfiguration, type HostFacts } from './draft.ts';
export { parseDuration } from './duration.ts';
export { parseEnvironment } from './environment.ts';
export { formatEnvironment } from './format.ts';
export {
  type PipeworkAttach,
  type PipeworkGuest,
  type PipeworkLink,
  parsePipework,
  pipeworkSyntax,
} from './pipework.ts';
