/** The marks on what Landline makes in Docker: whose it is, and what for. */
import type { Labels } from './types.ts';

/** Of every container, volume and network: the installation's id. */
const installationLabel = 'landline.installation';
export const environmentLabel = 'landline.environment';
/** Of a service's container; an anchor has none. */
export const serviceLabel = 'landline.service';
/** What a service was started with, as the engine was told. */
export const digestLabel = 'landline.digest';
/** Of an anchor: the Docker network on a LAN that it is on. */
export const joinedLabel = 'landline.joined';
/** Of everything that a container or a network was made with: another one is another. */
export const madeLabel = 'landline.made';

/** How many generations of its environment there were before this one; left out: none. */
const generationLabel = 'landline.generation';

export interface Mark {
  readonly installation: string;
  /** Undefined for a network. */
  readonly environment?: string;
  /** Undefined for the anchor. */
  readonly service?: string;
  /** Left out: 0. */
  readonly generation?: number;
}

export const labelsOf = ({ installation, environment, service, generation = 0 }: Mark): Labels => ({
  [installationLabel]: installation,
  ...(environment === undefined ? {} : { [environmentLabel]: environment }),
  ...(service === undefined ? {} : { [serviceLabel]: service }),
  ...(generation === 0 ? {} : { [generationLabel]: String(generation) }),
});

export const generationIn = (labels: Labels): number => Number(labels[generationLabel] ?? 0);

/** For `filters` of a list. */
export const filterOf = (mark: Omit<Mark, 'generation'>): { readonly label: readonly string[] } => ({
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
