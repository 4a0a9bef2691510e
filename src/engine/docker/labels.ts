/** The marks on what Landline makes in Docker: whose it is, and what for. */
import type { Labels } from './types.ts';

/** Of every container and volume: the installation's id. */
const installationLabel = 'landline.installation';
export const environmentLabel = 'landline.environment';
/** Of a service's container; an anchor has none. */
export const serviceLabel = 'landline.service';
/** What a service was started with, as the engine was told. */
export const digestLabel = 'landline.digest';
/** Of everything that a container was made with: another one is another container. */
export const madeLabel = 'landline.made';

export interface Mark {
  readonly installation: string;
  readonly environment: string;
  /** Undefined for the anchor. */
  readonly service?: string;
}

export const labelsOf = ({ installation, environment, service }: Mark): Labels => ({
  [installationLabel]: installation,
  [environmentLabel]: environment,
  ...(service === undefined ? {} : { [serviceLabel]: service }),
});

/** For `filters` of a list. */
export const filterOf = (mark: Partial<Mark> & Pick<Mark, 'installation'>): { readonly label: readonly string[] } => ({
  label: [
    `${installationLabel}=${mark.installation}`,
    ...(mark.environment === undefined ? [] : [`${environmentLabel}=${mark.environment}`]),
    ...(mark.service === undefined ? [] : [`${serviceLabel}=${mark.service}`]),
  ],
});

/** `landline.shop.web`; `landline.shop` is the anchor. Names of environments and services have no dots. */
export const containerName = (environment: string, service?: string): string =>
  ['landline', environment, ...(service === undefined ? [] : [service])].join('.');

/** Labels that people give, without those that would be taken for Landline's own. */
export const foreignLabels = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith('landline.')));
