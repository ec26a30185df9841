/** An answer that is an error of the service; each protocol writes it in its own form. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  /** Modelled members of an EKS error beside the message. */
  readonly members: Record<string, unknown>;

  constructor(code: string, message: string, status = 400, members: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.members = members;
  }
}
