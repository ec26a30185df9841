/** From instance to node and back: boot and join, drain as EKS does it, shut down. */
import type { Node, Pod, Taint } from '../kubernetes/objects.ts';
import type { ClusterControl, SimClock } from '../types.ts';
import { bootOf, type System, systemOf } from './boot.ts';
import type { Ec2, Instance } from './ec2.ts';
import type { Ipamd } from './ipamd.ts';
import { buildNode, standardMaxPods } from './nodes.ts';

/** What every node of a node group has in common. */
export interface Blueprint {
  amiType: string;
  diskSize: number;
  labels: Record<string, string>;
  taints: Taint[];
  /** Set by EKS over anything the user data says. */
  enforcedMaxPods: number | undefined;
  /** The system of an image of somebody's own: EKS adds nothing, and kubelet registers with what the user data says. */
  ownSystem?: System;
}

export interface Machines {
  /** Creates the Node. Its kubelet makes it Ready when aws-node runs there. */
  join(instance: Instance, blueprint: Blueprint, annotations?: Record<string, string>): void;
  isReady(instance: Instance): boolean;
  /**
   * Cordons, evicts what is not of a DaemonSet again and again, and calls `done` when the node is empty or, at the
   * latest, after the limit, whatever still runs there.
   */
  drain(instance: Instance, limitSeconds: number, done: () => void): void;
  /** Calls `done` when the instance has terminated and its Node is gone. */
  shutDown(instance: Instance, done: () => void): void;
}

const evictionInterval = 5_000;
const shutDownTime = 20_000;
const nodeRemoval = 5_000;
/** A terminated instance stays visible for an hour. */
const afterlife = 3_600_000;

export function createMachines(deps: {
  ec2: Ec2;
  ipamd: Ipamd;
  clock: SimClock;
  cluster: () => ClusterControl;
  kubernetesVersion: string;
  region: string;
}): Machines {
  const { ec2, ipamd, clock, cluster, kubernetesVersion, region } = deps;
  const node = (name: string): Node | undefined => cluster().store.get<Node>('nodes', undefined, name);

  function evictable(nodeName: string): Pod[] {
    return cluster()
      .store.podsOnNode<Pod>(nodeName)
      .filter((pod) => !['Succeeded', 'Failed'].includes(pod.status.phase))
      .filter((pod) => !pod.metadata.ownerReferences?.some((owner) => owner.controller && owner.kind === 'DaemonSet'));
  }

  return {
    join(instance, blueprint, annotations = {}) {
      const { store } = cluster();
      const availabilityZone = ec2.subnets.get(instance.subnetId)?.availabilityZone ?? '';
      const system = blueprint.ownSystem ?? systemOf(blueprint.amiType);
      const boot = bootOf(system, instance.userData);
      const maxPods = blueprint.enforcedMaxPods ?? boot.maxPods ?? standardMaxPods(instance.type);
      instance.state = 'running';
      ipamd.addNode({
        name: instance.privateDnsName,
        instance,
        maxPods,
      });
      store.create<Node>(
        'nodes',
        buildNode({
          instance,
          maxPods,
          reservedMemoryMib: boot.reservedMemory,
          kubernetesVersion,
          region,
          availabilityZone,
          now: clock.now(),
          system,
          labels: blueprint.ownSystem ? boot.labels : blueprint.labels,
          annotations,
          taints: blueprint.ownSystem ? boot.taints : blueprint.taints,
          diskSize: blueprint.diskSize,
        }),
      );
    },
    isReady(instance) {
      const conditions = node(instance.privateDnsName)?.status.conditions ?? [];
      return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    },
    drain(instance, limitSeconds, done) {
      const name = instance.privateDnsName;
      const deadline = clock.now() + limitSeconds * 1000;
      cluster().store.update<Node>('nodes', undefined, name, (draft) => {
        draft.spec.unschedulable = true;
      });
      const round = (): void => {
        const left = evictable(name);
        if (left.length === 0 || clock.now() >= deadline) {
          done();
          return;
        }
        for (const { metadata } of left) {
          if (metadata.deletionTimestamp === undefined) cluster().evict(metadata.namespace ?? 'default', metadata.name);
        }
        clock.after(Math.min(evictionInterval, deadline - clock.now()), round);
      };
      round();
    },
    shutDown(instance, done) {
      if (instance.state === 'shutting-down' || instance.state === 'terminated') return;
      instance.state = 'shutting-down';
      clock.after(shutDownTime, () => {
        ipamd.removeNode(instance.privateDnsName);
        ec2.terminate(instance);
        clock.after(afterlife, () => void ec2.instances.delete(instance.id));
        clock.after(nodeRemoval, () => {
          cluster().store.remove('nodes', undefined, instance.privateDnsName);
          done();
        });
      });
    },
  };
}
