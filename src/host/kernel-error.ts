/** A refusal by the kernel (errno(3)), with the extended acknowledgement of netlink(7) where it sent one. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  /** What was asked, as an `ip` command or a system call: `ip link add ll0 type veth`. */
  readonly doing: string;
  /** `EEXIST`, `ENODEV`, … */
  readonly errno: string;
  /** NLMSGERR_ATTR_MSG, where the kernel sent one. */
  declare readonly kernelSays?: string;

  constructor(doing: string, errno: string, kernelSays?: string, options?: ErrorOptions) {
    super(`${doing}: ${errno}${kernelSays === undefined ? '' : ` (${kernelSays})`}`, options);
    this.doing = doing;
    this.errno = errno;
    if (kernelSays !== undefined) this.kernelSays = kernelSays;
  }
}

/** Whether `error` is the kernel's refusal, with one of these errnos where any are given. */
export function isKernelError(error: unknown, ...errnos: readonly string[]): error is KernelError {
  return error instanceof KernelError && (errnos.length === 0 || errnos.includes(error.errno));
}
