/** A right that the caller does not have, as it was told before anything needed it. */
export interface MissingRight {
  /** `eks:DeleteNodegroup`, `create pods/eviction` */
  right: string;
  /** `nodegroup/prod/apps`, `namespace kube-system`; null: everywhere */
  on: string | null;
  /** what needs it: ids of steps, `the lock`, `the journal` */
  neededBy: string[];
  /** EC2 and Kubernetes answer for the request; what IAM simulates may leave something out */
  toldBy: 'kubernetes' | 'ec2' | 'iam';
}

/** `eks:DeleteNodegroup on nodegroup/prod/apps, for delete-source/apps` */
export function missingRightText({ right, on, neededBy, toldBy }: MissingRight): string {
  const shown = neededBy.length > 3 ? [...neededBy.slice(0, 2), `${neededBy.length - 2} more`] : neededBy;
  const place = on === null ? '' : ` on ${on}`;
  return `${right}${place}, for ${shown.join(', ')}${toldBy === 'iam' ? ' (as IAM simulates it)' : ''}`;
}
