/** Update objects of EKS: what DescribeUpdate and ListUpdates show of one node group or add-on. */
import { AwsError } from './errors.ts';

export interface Update {
  id: string;
  status: 'InProgress' | 'Successful' | 'Failed';
  type: string;
  params: { type: string; value: string }[];
  /** Epoch seconds. */
  createdAt: number;
  errors: { errorCode: string; errorMessage: string; resourceIds: string[] }[];
}

export interface Updates {
  /** `owner`: `nodegroup/ng` or `addon/vpc-cni`. */
  add(owner: string, update: Omit<Update, 'status' | 'errors'>): Update;
  list(owner: string): Update[];
  find(owner: string, id: string): Update;
}

export function createUpdates(): Updates {
  const byOwner = new Map<string, Update[]>();
  const list = (owner: string): Update[] => byOwner.get(owner) ?? [];
  return {
    list,
    add(owner, fields) {
      const update: Update = { ...fields, status: 'InProgress', errors: [] };
      byOwner.set(owner, [...list(owner), update]);
      return update;
    },
    find(owner, id) {
      const found = list(owner).find((update) => update.id === id);
      if (!found) throw new AwsError('ResourceNotFoundException', `No update found for ID: ${id}`, 404);
      return found;
    },
  };
}
