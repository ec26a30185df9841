import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();
const [al2023, ubuntu] = ['ami-0c5a1e7d2b9f40361', 'ami-0ab7d3f6c1e8240f5'];
const onDatabases = {
  nodeSelector: { role: 'database' },
  tolerations: [{ key: 'role', operator: 'Equal', value: 'database', effect: 'NoSchedule' }],
};

/** EKS adds nothing to user data of an image of one's own: all that nodes need to join stands here. */
const userData = `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="==golden=="

--==golden==
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo vm.max_map_count=262144 > /etc/sysctl.d/90-shop.conf && sysctl --system

--==golden==
Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: demo
    apiServerEndpoint: {endpoint}
    certificateAuthority: "{certificateAuthority}"
    cidr: 172.20.0.0/16
  kubelet:
    config:
      maxPods: 29
    flags:
      - --node-labels=eks.amazonaws.com/nodegroup=databases,eks.amazonaws.com/nodegroup-image=${al2023},shop.example.com/image=golden
      - --register-with-taints=role=database:NoSchedule

--==golden==--
`;

const bootstrap = `#!/bin/bash
set -ex
/etc/eks/bootstrap.sh demo \\
  --apiserver-endpoint {endpoint} --b64-cluster-ca "{certificateAuthority}" \\
  --kubelet-extra-args '--node-labels=eks.amazonaws.com/nodegroup=web,eks.amazonaws.com/nodegroup-image=${ubuntu} --max-pods=29' \\
  --use-max-pods false
`;

const disk = (deviceName: string) => ({ deviceName, ebs: { volumeSize: '80', volumeType: 'gp3', encrypted: 'true' } });

export const customImage: Scenario = demoCluster({
  name: 'custom-image',
  title:
    'Two node groups with images of their own, Amazon Linux 2023 and Ubuntu, whose user data says how to join and 29 pods',
  subnets,
  images: { [al2023]: 'al2023', [ubuntu]: 'ubuntu' },
  nodegroups: [
    nodegroup('databases', 2, subnets, {
      labels: { role: 'database' },
      taints: [{ key: 'role', value: 'database', effect: 'NO_SCHEDULE' }],
      tags: { team: 'shop' },
      launchTemplate: {
        name: 'golden-databases',
        data: {
          imageId: al2023,
          blockDeviceMappingSet: [disk('/dev/xvda')],
          metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: '1' },
          tagSpecificationSet: [{ resourceType: 'instance', tagSet: [{ key: 'team', value: 'shop' }] }],
        },
        userData,
      },
    }),
    nodegroup('web', 3, subnets, {
      labels: { role: 'web' },
      launchTemplate: {
        name: 'ubuntu-web',
        data: { imageId: ubuntu, blockDeviceMappingSet: [disk('/dev/sda1')] },
        userData: bootstrap,
      },
    }),
  ],
  workloads: [
    deployment('shop', 'web', 9),
    deployment('shop', 'api', 6),
    deployment('shop', 'orders-db', 3, { ...onDatabases, cpu: '200m', memory: '512Mi' }),
  ],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 }), budget('shop', 'orders-db', { maxUnavailable: 1 })],
});
