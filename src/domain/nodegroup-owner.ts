import type { NodegroupOwner, NodegroupPlan } from './plan.ts';
import type { Nodegroup } from './snapshot.ts';

type Tags = Readonly<Record<string, string>>;

/** A tool that gives itself away by tags: the first tag that matches is the evidence, and `name` the tag that says which one. */
interface Mark {
  tool: NodegroupOwner['tool'];
  key: RegExp;
  /** of the tag; any value unless told */
  value?: RegExp;
  name?: string;
}

/**
 * What tools leave on what they make, the surest first. CloudFormation comes after those that work through it. Terraform
 * leaves nothing by itself: these are the tags of its EKS modules, and what people commonly set.
 */
const marks: readonly Mark[] = [
  { tool: 'eksctl', key: /^alpha\.eksctl\.io\/nodegroup-name$/, name: 'aws:cloudformation:stack-name' },
  { tool: 'cluster-api', key: /^sigs\.k8s\.io\/cluster-api-provider-aws\// },
  { tool: 'crossplane', key: /^crossplane-(name|kind|providerconfig)$/, name: 'crossplane-name' },
  { tool: 'ack', key: /^services\.k8s\.aws\// },
  { tool: 'rancher', key: /(^|[./-])(rancher|cattle)([./-]|$)/i },
  { tool: 'cloudformation', key: /^aws:cloudformation:stack-name$/, name: 'aws:cloudformation:stack-name' },
  { tool: 'pulumi', key: /^pulumi([:/_-]|$)/i, name: 'pulumi:stack' },
  { tool: 'pulumi', key: managedBy(), value: /^pulumi/i },
  { tool: 'crossplane', key: managedBy(), value: /^crossplane/i },
  { tool: 'rancher', key: managedBy(), value: /^rancher/i },
  { tool: 'terraform', key: /^(terraform|opentofu)([:/_-].*)?$/i, value: /^(?!(false|no|0)$)/i },
  { tool: 'terraform', key: managedBy(), value: /^(terraform|terragrunt|opentofu|tofu)/i },
  { tool: 'terraform', key: /^(github)?(repo|repository|module|source|provisioner)$/i, value: /terraform/i },
];

/** `ManagedBy`, `managed-by`, `provisioned_by`, `created by`, ... */
function managedBy(): RegExp {
  return /(^|[./:])(managed|provisioned|created|deployed)[-_. ]?(by|with)$|^(iac|provisioner|tool)$/i;
}

/** Whom a node group belongs to, told by its tags. */
export function ownerOf({ tags }: Pick<Nodegroup, 'tags'>): NodegroupOwner {
  for (const { tool, key, value, name } of marks) {
    const found = Object.keys(tags)
      .toSorted()
      .find((tag) => key.test(tag) && (value?.test(tags[tag] ?? '') ?? true));
    if (found === undefined) continue;
    return { tool, name: name === undefined ? null : (tags[name] ?? null), evidence: evidenceOf(found, tags) };
  }
  return { tool: 'nobody', name: null, evidence: 'no tag of a tool' };
}

/** Values of tags that a tool makes by itself are long and say little. */
function evidenceOf(key: string, tags: Tags): string {
  const value = tags[key] ?? '';
  return value === '' || value.length > 40 || /[\n,;]/.test(value) ? `tag ${key}` : `tag ${key}=${value}`;
}

const labels: Record<NodegroupOwner['tool'], string> = {
  nobody: 'nobody',
  eksctl: 'eksctl',
  cloudformation: 'CloudFormation',
  terraform: 'Terraform',
  pulumi: 'Pulumi',
  crossplane: 'Crossplane',
  'cluster-api': 'Cluster API',
  rancher: 'Rancher',
  ack: 'ACK (AWS Controllers for Kubernetes)',
};

/** Who it is, for a sentence: `CloudFormation (stack shop-nodes)`. */
export function nodegroupOwnerText({ tool, name }: NodegroupOwner): string {
  if (name === null) return labels[tool];
  return tool === 'cloudformation' || tool === 'eksctl'
    ? `${labels[tool]} (stack ${name})`
    : `${labels[tool]} (${name})`;
}

/** The code with which a person says that we shall delete what another tool made. */
export const ownedCode = 'NODEGROUP.OWNED';

/** How the plan gets rid of a source: it is deleted, or its stack with it, or its owner has to. `allow`: what the person accepts. */
export function removalOf({ tool }: NodegroupOwner, allow: readonly string[]): 'delete' | 'delete-stack' | 'hand-over' {
  if (tool === 'eksctl') return 'delete-stack';
  return tool === 'nobody' || allow.includes(ownedCode) ? 'delete' : 'hand-over';
}

/** What has to be done in the owner's tool once the source is empty: first that the new group stays, then the old one goes. */
export function handOverInstructions(
  owner: NodegroupOwner,
  { source, replacement }: Pick<NodegroupPlan, 'source' | 'replacement'>,
  { clusterName, isMadeByUs }: { clusterName: string; isMadeByUs: boolean },
): string[] {
  const id = `${clusterName}:${replacement}`;
  const adopt = (...how: string[]): string[] => (isMadeByUs ? how : []);
  switch (owner.tool) {
    case 'terraform':
      return [
        ...adopt(
          `add ${replacement} to the configuration, and import it (ADDRESS: aws_eks_node_group.NAME); terraform plan must then show no change of it:`,
          `terraform import ADDRESS ${id}`,
        ),
        `remove the block of ${source} from the configuration, and nothing else; terraform plan must show 1 to destroy: aws_eks_node_group ${source} (and its launch template)`,
        'terraform apply',
      ];
    case 'cloudformation':
      return [
        ...adopt(
          `${replacement} is in no stack: import it into ${owner.name ?? 'the stack'} with a change set of type IMPORT (AWS::EKS::Nodegroup, Id ${clusterName}/${replacement}), or leave it outside`,
        ),
        `remove the AWS::EKS::Nodegroup of ${source} from the template of ${owner.name ?? 'its stack'} (with CDK: from the app), and update the stack`,
      ];
    case 'pulumi':
      return [
        ...adopt(`pulumi import aws:eks/nodeGroup:NodeGroup NAME ${id}   # and its code into the program`),
        `remove ${source} from the program; pulumi preview must show that it alone is deleted; then: pulumi up`,
      ];
    case 'crossplane':
      return [
        ...adopt(
          `to manage ${replacement} as well, make a NodeGroup with annotation crossplane.io/external-name: ${replacement}`,
        ),
        `remove the NodeGroup of ${source} from its source (Git, claim); without one: kubectl delete nodegroups.eks.aws.upbound.io ${owner.name ?? 'NAME'}`,
      ];
    case 'cluster-api':
      return [
        `remove the MachinePool of ${source} with its AWSManagedMachinePool from its source (Git); without one: kubectl delete machinepools.cluster.x-k8s.io NAME   # in the management cluster`,
      ];
    case 'rancher':
      return [
        `remove ${source} from the node groups of cluster ${clusterName} in Rancher, or from its Terraform resource`,
      ];
    case 'ack':
      return [
        `remove the Nodegroup of ${source} from its source (Git); without one: kubectl delete nodegroups.eks.services.k8s.aws NAME`,
      ];
    case 'eksctl':
    case 'nobody':
      return [`aws eks delete-nodegroup --cluster-name ${clusterName} --nodegroup-name ${source}`];
  }
}
