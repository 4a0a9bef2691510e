/** What calls about one container have in common. */
import { LandlineError } from '../../errors.ts';
import type { DockerCall } from './caller.ts';

export const pathOf = (container: string): string => `/containers/${encodeURIComponent(container)}`;

/** What a refusal of a call about one container becomes. */
export const about = (container: string, action: string): Pick<DockerCall, 'doing' | 'missing'> => ({
  doing: `${action} container '${container}'`,
  missing: () => new LandlineError('CONTAINER_UNKNOWN', { container }),
});
