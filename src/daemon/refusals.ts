/** The kernel's refusals → the catalogue, in the one place where the two meet. */
import { LandlineError } from '../errors.ts';
import { isKernelError } from '../host/index.ts';

/** A refusal of the kernel as KERNEL_REFUSED, with its own words; anything else as it is. */
export function refusal(error: unknown): unknown {
  if (!isKernelError(error)) return error;
  const says = error.kernelSays === undefined ? {} : { kernelSays: error.kernelSays };
  return new LandlineError('KERNEL_REFUSED', { doing: error.doing, errno: error.errno, ...says }, { cause: error });
}

/** A change to the kernel's tables, for which one refusal means that it was done already. */
export async function unless(change: Promise<void>, errno: string): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!isKernelError(error, errno)) throw error;
  }
}

/** Linux allows a bridge 1,023 ports (BR_MAX_PORTS, net/bridge/br_private.h). */
export const maxBridgePorts = 1023;
