/**
 * The plan of one environment: `desired` against `observed` → steps. Pure, and level-triggered: it never asks what
 * happened, only what is. The daemon runs the first step, looks again, and asks again; an empty plan means done.
 */
import { planEndpoints } from './endpoints.ts';
import type { Desired, Observed, Plan, ServiceMemory, Step } from './model.ts';
import { planServices } from './services.ts';
import { planBare, planWaiting } from './waiting.ts';

/**
 * What is to be done so that an environment becomes as desired; `desired` undefined means that it is to be gone.
 * `now` in milliseconds since 1970.
 *
 * The order keeps three promises: what lives on in an old sandbox ends before a new one is plumbed, so that an address
 * never answers twice; no service starts before its network is whole; and a network that is refused has cost no service
 * its process.
 */
export function plan(
  desired: Desired | undefined,
  observed: Observed,
  memory: ReadonlyMap<string, ServiceMemory>,
  now: number,
): Plan {
  if (desired === undefined) return { steps: planEnd(observed) };
  const services = planServices(desired.services, observed, memory, now);
  const stops = services.steps.filter((step) => step.do === 'stop-service');
  const starts = services.steps.filter((step) => step.do !== 'stop-service');
  const livesElsewhere = (name: string): boolean => observed.services.some((it) => it.name === name && it.inSandbox === false);
  const [first, later] = [stops.filter((it) => livesElsewhere(it.name)), stops.filter((it) => !livesElsewhere(it.name))];
  const sandbox: Step[] = observed.sandbox === undefined ? [{ do: 'make-sandbox' }] : [];
  const { waiting = [], bare = [] } = desired;
  const links = [
    ...planEndpoints(desired.endpoints, observed, [...waiting, ...bare]),
    ...planWaiting(waiting, observed),
    ...planBare(bare, observed),
  ];
  const steps = [...first, ...sandbox, ...links, ...later, ...(waiting.length === 0 ? starts : [])];
  return { ...services, steps };
}

function planEnd(observed: Observed): Step[] {
  const steps: Step[] = [];
  if (observed.services.length > 0) steps.push({ do: 'end-services' });
  if (observed.leftovers.length > 0) steps.push({ do: 'retire-leftovers' });
  if (observed.sandbox?.owned === true) steps.push({ do: 'remove-sandbox' });
  else steps.push(...planEndpoints([], { ...observed, leftovers: [] }));
  return steps;
}
