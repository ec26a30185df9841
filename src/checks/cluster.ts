import type { Finding } from '../domain/finding.ts';
import type { Check } from './check.ts';

/** The cluster as a whole: is it one that this tool can work on, and now? */
export const cluster: Check = {
  codes: [
    { code: 'CLUSTER.NOT_ACTIVE', meaning: 'The cluster is being created, changed or deleted.', canBeAllowed: false },
    {
      code: 'CLUSTER.IPV6',
      meaning: 'The cluster gives pods IPv6 addresses from prefixes already.',
      canBeAllowed: false,
    },
    { code: 'CLUSTER.OUTPOST', meaning: 'The cluster runs on AWS Outposts.', canBeAllowed: false },
  ],
  run({ cluster: { name, region, status, ipFamily, outpost } }) {
    const findings: Finding[] = [];
    const blocking = { severity: 'blocking', subject: name } as const;
    if (status !== 'ACTIVE') {
      findings.push({
        ...blocking,
        code: 'CLUSTER.NOT_ACTIVE',
        summary: `Cluster ${name} is ${status}, not ACTIVE.`,
        why: 'EKS refuses changes of node groups and add-ons in this state.',
        nextActions: [`aws eks wait cluster-active --region ${region} --name ${name}`],
      });
    }
    if (ipFamily === 'ipv6') {
      findings.push({
        severity: 'advice',
        subject: name,
        code: 'CLUSTER.IPV6',
        summary: `Cluster ${name} is an IPv6 cluster: its nodes use prefixes already.`,
        why: 'Each network interface gets one /80 prefix when it is attached; there is no secondary IP mode to leave, and warm targets do nothing. The IP family of a cluster cannot be changed. A new node group with a higher maxPods (110 up to 30 vCPUs, 250 above) has more pods per node.',
        nextActions: [],
      });
    }
    if (outpost) {
      findings.push({
        ...blocking,
        code: 'CLUSTER.OUTPOST',
        summary: `Cluster ${name} runs on AWS Outposts.`,
        why: 'Local clusters have no managed node groups to replace: prefix-migrate does not support them.',
        nextActions: [`aws eks list-nodegroups --region ${region} --cluster-name ${name}`],
      });
    }
    return findings;
  },
};
