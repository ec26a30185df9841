import type { StepParams } from '../domain/plan.ts';
import type { Cluster, HealthIssue, Nodegroup, Scaling } from '../domain/snapshot.ts';

export interface NodegroupRequest extends Omit<StepParams['create-nodegroup'], 'source' | 'launchTemplateName'> {
  launchTemplate: { id: string; version: string };
}

export interface Addon {
  addonName: string;
  version: string;
  status: string;
  configurationValues: string | null;
  healthIssues: HealthIssue[];
  tags: Record<string, string>;
}

export interface EksUpdate {
  id: string;
  status: 'InProgress' | 'Successful' | 'Failed' | 'Cancelled';
  /** `{errorCode, errorMessage}` as text, when it failed */
  errors: { code: string; message: string; resourceIds: string[] }[];
}

/**
 * EKS, in domain words. Every method retries what is retryable by the one policy and throws MigrateError
 * (codes `AWS.*`) with operation and resource named; `undefined` means that the thing does not exist.
 */
export interface EksPort {
  describeCluster(name: string): Promise<Omit<Cluster, 'callerArn'> & { certificateAuthorityData: string }>;
  listNodegroups(clusterName: string): Promise<string[]>;
  /** ARNs of the roles whose access entry (type EC2_LINUX) lets nodes join. Of use, not needed: nobody waits long for it. */
  accessEntriesOfNodes(clusterName: string): Promise<string[]>;
  describeNodegroup(clusterName: string, nodegroupName: string): Promise<Nodegroup | undefined>;
  createNodegroup(request: NodegroupRequest, token: string): Promise<void>;
  /** Members that are left out stay as they are. Returns the id of the update. */
  updateNodegroupScaling(
    clusterName: string,
    nodegroupName: string,
    scaling: Partial<Scaling>,
    token: string,
  ): Promise<string>;
  /** Takes no token; deleting what is gone or being deleted is success. */
  deleteNodegroup(clusterName: string, nodegroupName: string): Promise<void>;
  describeAddon(clusterName: string, addonName: string): Promise<Addon | undefined>;
  /** JSON schema of its configuration as text; null when EKS does not tell, whatever the reason: it is of use, not needed */
  addonConfigurationSchema(addonName: string, addonVersion: string): Promise<string | null>;
  /** configurationValues replaces the whole configuration. Returns the id of the update. */
  updateAddon(
    request: {
      clusterName: string;
      addonName: string;
      configurationValues: string;
      resolveConflicts: 'NONE' | 'PRESERVE' | 'OVERWRITE';
    },
    token: string,
  ): Promise<string>;
  describeUpdate(
    clusterName: string,
    updateId: string,
    of: { addonName: string } | { nodegroupName: string },
  ): Promise<EksUpdate | undefined>;
  listUpdates(clusterName: string, of: { addonName: string } | { nodegroupName: string }): Promise<string[]>;
}
