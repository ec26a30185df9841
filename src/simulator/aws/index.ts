/**
 * The AWS half of the embedded world: EKS, EC2, Auto Scaling and STS on one endpoint, and the pod network of the nodes.
 * Everything starts with `createAws`; `boot` fills it once the cluster is there.
 */
import type { Node, Pod } from '../kubernetes/objects.ts';
import type { Scenario } from '../scenario.ts';
import type { ClusterControl, PodNetwork, Random, SimClock, SimHandler, SimRequest, SimResponse } from '../types.ts';
import { eksAuthorizations, formAuthorizations, type Region } from './authorizations.ts';
import { type AutoScaling, type AutoScalingGroup, type AutoScalingHooks, createAutoScaling } from './auto-scaling.ts';
import { autoScalingNamespace, callAutoScaling } from './auto-scaling-api.ts';
import { allowRole, forbidRole } from './aws-auth.ts';
import { awsNodeContainer, envOf, versionOf } from './aws-node.ts';
import { cloudFormationNamespace, createCloudFormation, type StackCaller } from './cloudformation.ts';
import { createEc2, type Ec2 } from './ec2.ts';
import { ec2Operations } from './ec2-api.ts';
import { createEksApi, eksAnswer, eksError } from './eks-api.ts';
import { createEniConfig, eniConfigOf } from './eni-config.ts';
import { AwsError } from './errors.ts';
import { callIam, iamNamespace } from './iam.ts';
import { createIds } from './ids.ts';
import { createIpamd, readCniSettings } from './ipamd.ts';
import { createMachines } from './machines.ts';
import { clusterSecurityGroup } from './nodegroup-launch.ts';
import { createNodegroups, type Nodegroups } from './nodegroups.ts';
import { type Authorization, decide, type PolicyDocument } from './policy.ts';
import { ec2Answer, ec2Error, type ParamTree, parseForm, queryAnswer, queryError, textOf } from './query.ts';
import { createSelfManaged, nodeRoleArn, type SelfManaged } from './self-managed.ts';
import { createUpdates } from './updates.ts';
import { createVpcCni, type VpcCni } from './vpc-cni.ts';

export interface Aws {
  handle: SimHandler;
  network: PodNetwork;
  /**
   * Fills the region: subnets with what lives in them, DaemonSet aws-node, node groups with running instances and their
   * Node objects. Until `goLive`, address pools grow without delay, so that the pods of the start get addresses at once.
   */
  boot(cluster: ClusterControl): void;
  /** From now on address pools take their time. */
  goLive(): void;
  /** For tests and for controllers of the world that act on machines. */
  ec2: Ec2;
  scaling: AutoScaling;
}

export interface AwsOptions {
  scenario: Scenario;
  clock: SimClock;
  random: Random;
  /** What DescribeCluster says of the Kubernetes API; asked late, when the port is known. */
  apiServer?: () => { endpoint: string; certificateAuthority: string };
  /** Whether the signer of a request may act; any access key may unless told. */
  credentials?: (accessKeyId: string) => 'valid' | 'expired' | 'unknown';
  /** Whether the caller lacks the right to an action (`ec2:CreateTags`). */
  denied?: (action: string) => boolean;
  /** What the caller's policy allows; undefined: everything. */
  policy?: () => PolicyDocument | undefined;
}

const defaultApiServer = { endpoint: 'https://127.0.0.1:6443', certificateAuthority: '' };
const stsNamespace = 'https://sts.amazonaws.com/doc/2011-06-15/';

export function createAws(options: AwsOptions): Aws {
  const { scenario, clock, random, apiServer = () => defaultApiServer } = options;
  const { name, region, accountId, vpcId, version } = scenario.cluster;
  const ids = createIds(random.fork('aws ids'));
  const requestIds = createIds(random.fork('aws request ids'));
  const callerArn = `arn:aws:sts::${accountId}:assumed-role/operator/simulator`;
  let attached: ClusterControl | undefined;
  const cluster = (): ClusterControl => {
    if (!attached) throw new Error('boot the AWS side with its cluster first');
    return attached;
  };

  const ec2 = createEc2({ random: random.fork('addresses'), clock, ids, region });
  const ipamd = createIpamd({
    ec2,
    clock,
    random: random.fork('pod addresses'),
    clusterName: name,
    timings: scenario.timings,
    eniConfigOf: (nodeName, settings) => eniConfigOf(cluster().store, nodeName, settings),
  });
  const machines = createMachines({ ec2, ipamd, clock, cluster, kubernetesVersion: version, region });
  const updates = createUpdates();
  const vpcCni: VpcCni = createVpcCni({ scenario, clock, ids, updates, cluster });
  // Groups launch instances of node groups, node groups resize groups: the hooks close the circle.
  const ownerOf = (group: AutoScalingGroup): { hooks: AutoScalingHooks } =>
    selfManaged.owns(group) ? selfManaged : nodegroups;
  const scaling: AutoScaling = createAutoScaling({
    ec2,
    clock,
    ids,
    hooks: {
      launched: (group, instance) => ownerOf(group).hooks.launched(group, instance),
      terminating: (group, instance) => ownerOf(group).hooks.terminating(group, instance),
      lost: (group, instance) => ownerOf(group).hooks.lost(group, instance),
      launchFailed: (group, error) => ownerOf(group).hooks.launchFailed(group, error),
    },
  });
  const nodegroups: Nodegroups = createNodegroups({
    scenario,
    clock,
    ids,
    ec2,
    scaling,
    machines,
    updates,
    cluster,
    apiServer,
    cniSettings: () => vpcCni.settings(),
    roleUnused,
  });
  const selfManaged: SelfManaged = createSelfManaged({ scenario, clock, ids, ec2, scaling, machines, apiServer });
  const cloudFormation = createCloudFormation({ scenario, clock, nodegroups, ec2 });
  const ec2Api = ec2Operations({ ec2, accountId, region, vpcId, callerArn });
  const eksApi = createEksApi({
    scenario,
    createdAt: clock.now() - 60 * 86_400_000,
    nodegroups,
    vpcCni,
    updates,
    callerArn,
    apiServer,
    clusterTags: {},
  });

  const authorizations = (): Region => ({
    region,
    accountId,
    clusterName: name,
    ec2,
    scaling,
    nodegroups,
    vpcCniArn: vpcCni.arn,
  });

  /** The last managed node group with a role is gone. Nodes of others that join by it are cut off. */
  function roleUnused(role: string): void {
    if (scenario.nodeRolesIn !== 'aws-auth') return;
    forbidRole(cluster().store, role);
    for (const node of selfManaged.nodesWithRole(role)) cluster().stopKubelet?.(node);
  }

  /** Throws when the caller may not do this; each service has its own words for it. */
  function authorise(request: SimRequest, service: string, action: string, needs: () => Authorization[]): void {
    const accessKeyId = /Credential=([^/,\s]+)/.exec(request.headers['authorization'] ?? request.path)?.[1] ?? '';
    const state = options.credentials?.(accessKeyId) ?? 'valid';
    if (state === 'expired') {
      const code = service === 'ec2' ? 'RequestExpired' : service === 'eks' ? 'ExpiredTokenException' : 'ExpiredToken';
      throw new AwsError(code, 'The security token included in the request is expired', service === 'ec2' ? 400 : 403);
    }
    if (state === 'unknown') {
      if (service === 'ec2')
        throw new AwsError('AuthFailure', 'AWS was not able to validate the provided access credentials', 401);
      const code = service === 'eks' ? 'UnrecognizedClientException' : 'InvalidClientTokenId';
      throw new AwsError(code, 'The security token included in the request is invalid.', 403);
    }
    if (options.denied?.(`${service}:${action}`)) throw denial(service, `${service}:${action}`);
    const policy = options.policy?.();
    if (policy === undefined) return;
    for (const need of needs()) {
      const { decision } = decide(policy, need);
      if (decision !== 'allowed') throw denial(service, need.action, need.resource, decision);
    }
  }

  const stackCaller = (request: SimRequest): StackCaller => ({
    mayDeleteNodegroup: (group) =>
      authorise(request, 'eks', 'DeleteNodegroup', () =>
        eksAuthorizations('DeleteNodegroup', [name, group], new URLSearchParams(), {}, authorizations()),
      ),
    mayDeleteTemplate: (id) =>
      authorise(request, 'ec2', 'DeleteLaunchTemplate', () =>
        formAuthorizations('ec2', 'DeleteLaunchTemplate', { LaunchTemplateId: id }, authorizations()),
      ),
  });

  function denial(service: string, action: string, resource?: string, decision = 'implicitDeny'): AwsError {
    const because =
      decision === 'explicitDeny'
        ? `with an explicit deny in an identity-based policy`
        : `because no identity-based policy allows the ${action} action`;
    const on = resource === undefined ? '' : ` on resource: ${resource} ${because}`;
    const who = `User: ${callerArn} is not authorized to perform: ${action}${on}`;
    if (service === 'ec2')
      return new AwsError('UnauthorizedOperation', `You are not authorized to perform this operation. ${who}`, 403);
    if (service === 'eks' && action.startsWith('ec2:')) {
      const message = 'You are not authorized to launch instances with this launch template.';
      return new AwsError('InvalidRequestException', `${message} Encoded authorization failure message: c2ltdWxhdGVk`);
    }
    return new AwsError(service === 'eks' ? 'AccessDeniedException' : 'AccessDenied', who, 403);
  }

  function answerForm(request: SimRequest, params: ParamTree, requestId: string): SimResponse {
    const action = textOf(params['Action']) ?? '';
    const apiVersion = textOf(params['Version']) ?? '';
    if (apiVersion === '2016-11-15') {
      return guarded(
        (error) => ec2Error(error, requestId),
        () => {
          authorise(request, 'ec2', action, () => formAuthorizations('ec2', action, params, authorizations()));
          return ec2Answer(action, requestId, ec2Api.call(action, params));
        },
      );
    }
    if (apiVersion === '2011-01-01') {
      return guarded(
        (error) => queryError(autoScalingNamespace, error, requestId),
        () => {
          authorise(request, 'autoscaling', action, () =>
            formAuthorizations('autoscaling', action, params, authorizations()),
          );
          return queryAnswer(autoScalingNamespace, action, requestId, callAutoScaling(scaling, action, params));
        },
      );
    }
    if (apiVersion === '2011-06-15') {
      return guarded(
        (error) => queryError(stsNamespace, error, requestId),
        () => {
          authorise(request, 'sts', action, () => []);
          if (action !== 'GetCallerIdentity')
            throw new AwsError('InvalidAction', `Could not find operation ${action} for version 2011-06-15`);
          return queryAnswer(stsNamespace, action, requestId, {
            Arn: callerArn,
            UserId: 'AROASIMULATED:simulator',
            Account: accountId,
          });
        },
      );
    }
    if (apiVersion === '2010-05-08') {
      return guarded(
        (error) => queryError(iamNamespace, error, requestId),
        () => {
          authorise(request, 'iam', action, () => formAuthorizations('iam', action, params, authorizations()));
          const own = (scenario.autoScalingGroups ?? []).map(({ role }) => nodeRoleArn(scenario.cluster, role));
          const roles = [...new Set([...[...nodegroups.all.values()].map(({ nodeRole }) => nodeRole), ...own])];
          const callerRole = `arn:aws:iam::${accountId}:role/operator`;
          const answer = callIam(action, params, { accountId, callerRole, roles, policy: options.policy?.() });
          return queryAnswer(iamNamespace, action, requestId, answer);
        },
      );
    }
    if (apiVersion === '2010-05-15') {
      return guarded(
        (error) => queryError(cloudFormationNamespace, error, requestId),
        () => {
          authorise(request, 'cloudformation', action, () =>
            formAuthorizations('cloudformation', action, params, authorizations()),
          );
          return queryAnswer(
            cloudFormationNamespace,
            action,
            requestId,
            cloudFormation.call(action, params, stackCaller(request)),
          );
        },
      );
    }
    return unknownRoute(request, `Action=${action}&Version=${apiVersion}`, requestId);
  }

  function handle(request: SimRequest): SimResponse {
    const requestId = requestIds.uuid();
    const [pathname = '', search = ''] = request.path.split('?', 2);
    if (pathname === '/' || pathname === '') {
      const form = request.method === 'POST' ? request.body : search;
      return guarded(
        (error) => ec2Error(error, requestId),
        () => answerForm(request, parseForm(form), requestId),
      );
    }
    const route = eksApi.find(request);
    if (!route) return unknownRoute(request, '', requestId);
    return guarded(
      (error) => eksError(error, requestId),
      () => {
        authorise(request, 'eks', route.name, () =>
          eksAuthorizations(route.name, route.path, route.query, route.body(), authorizations()),
        );
        return eksAnswer(requestId, route.call());
      },
    );
  }

  function boot(control: ClusterControl): void {
    attached = control;
    watchCluster(control);
    populateNetwork();
    vpcCni.install();
    for (const spec of scenario.eniConfigs ?? []) createEniConfig(control.store, spec);
    for (const spec of scenario.nodegroups) nodegroups.populate(spec);
    for (const spec of scenario.autoScalingGroups ?? []) selfManaged.populate(spec);
    if (scenario.karpenter) selfManaged.populateKarpenter(scenario.karpenter, control.store);
    if (scenario.nodeRolesIn !== 'aws-auth') return;
    for (const role of [undefined, ...(scenario.autoScalingGroups ?? []).map((group) => group.role)]) {
      allowRole(control.store, nodeRoleArn(scenario.cluster, role));
    }
  }

  /** Subnets, reservations, the interfaces of load balancers and the like, and those of the control plane. */
  function populateNetwork(): void {
    for (const subnet of scenario.subnets) {
      ec2.addSubnet(subnet, {
        [`kubernetes.io/cluster/${name}`]: 'shared',
        Name: `${name}-${subnet.availabilityZone}`,
      });
      for (const { kind, address } of subnet.foreignAddresses ?? []) {
        ec2.createEni({
          subnetId: subnet.subnetId,
          address,
          interfaceType: kind,
          requesterManaged: kind !== 'interface',
          description: foreignDescriptions[kind],
          groups: [],
        });
      }
    }
    for (const { subnetId } of scenario.subnets.slice(0, 2)) {
      ec2.createEni({
        subnetId,
        requesterManaged: true,
        description: `Amazon EKS ${name}`,
        groups: [clusterSecurityGroup],
      });
    }
    for (const { subnetId, reservations = [] } of scenario.subnets) {
      for (const { cidr, type } of reservations)
        ec2.createReservation({ subnetId, cidr, type, description: '', tags: {} });
    }
  }

  /** ipamd lives and dies with the aws-node pod of its node; cordons reach it as a taint. */
  function watchCluster({ store }: ClusterControl): void {
    const running = new Map<string, string>();
    const follow = (pod: Pod, present: boolean): void => {
      const { nodeName } = pod.spec;
      if (
        nodeName === undefined ||
        pod.metadata.namespace !== 'kube-system' ||
        pod.metadata.labels?.['k8s-app'] !== 'aws-node'
      )
        return;
      const serving = present && pod.metadata.deletionTimestamp === undefined && isServing(pod);
      const { uid } = pod.metadata;
      if (!serving) {
        if (running.get(nodeName) !== uid) return;
        running.delete(nodeName);
        ipamd.stop(nodeName);
        return;
      }
      if (running.get(nodeName) === uid) return;
      running.set(nodeName, uid);
      const container = awsNodeContainer(pod.spec);
      ipamd.start(nodeName, readCniSettings(envOf(container), versionOf(container)));
    };
    store.subscribe<Pod>('pods', ({ type, object }) => follow(object, type !== 'DELETED'));
    store.subscribe('eniconfigs', () => ipamd.eniConfigsChanged());
    store.subscribe<Node>('nodes', ({ type, object }) => {
      const nodeName = object.metadata.name;
      if (type === 'DELETED') return;
      const taints = object.spec.taints ?? [];
      const cordoned = taints.some(
        ({ key, effect }) => key === 'node.kubernetes.io/unschedulable' && effect === 'NoSchedule',
      );
      ipamd.setCordoned(nodeName, cordoned);
      nodegroups.nodeReady(nodeName);
    });
  }

  function daemonStarts(nodeName: string, podUid: string): { error: string } | undefined {
    const pod = cluster()
      .store.podsOnNode<Pod>(nodeName)
      .find(({ metadata }) => metadata.uid === podUid);
    const container = awsNodeContainer(pod?.spec);
    const error = ipamd.initialise(nodeName, readCniSettings(envOf(container), versionOf(container)));
    return error === undefined ? undefined : { error };
  }

  return {
    handle,
    boot,
    ec2,
    scaling,
    network: { ...ipamd.network, daemonStarts },
    goLive: () => ipamd.goLive(),
  };
}

const foreignDescriptions = {
  network_load_balancer: 'ELB net/ingress/0123456789abcdef',
  vpc_endpoint: 'VPC Endpoint Interface vpce-0123456789abcdef0',
  lambda: 'AWS Lambda VPC ENI-worker',
  interface: 'database',
} as const;

/** Its readiness probe asks ipamd: a ready pod is a daemon that answers. */
function isServing(pod: Pod): boolean {
  const ready = pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  return pod.status.phase === 'Running' && ready === true;
}

function guarded(render: (error: AwsError) => SimResponse, answer: () => SimResponse): SimResponse {
  try {
    return answer();
  } catch (error) {
    if (error instanceof AwsError) return render(error);
    throw error;
  }
}

function unknownRoute(request: SimRequest, detail: string, requestId: string): SimResponse {
  const route = `${request.method} ${request.path} ${detail}`.trim();
  return {
    status: 501,
    headers: {
      'content-type': 'application/json',
      'x-amzn-requestid': requestId,
      'x-amzn-errortype': 'NotImplemented',
    },
    body: JSON.stringify({ message: `The simulator does not know this operation: ${route}` }),
  };
}
