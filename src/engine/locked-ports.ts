import type { Ports } from '../ports/ports.ts';

/**
 * The ports of a run that holds a lock: each call that can change something first makes sure that the lock is still held. An
 * act makes several calls, and its process may stand still between two of them (a sleeping laptop, a stopped process).
 *
 * @throws what `confirm` throws, and nothing was sent
 */
export function lockedPorts(ports: Ports, confirm: () => Promise<void>): Ports {
  const { eks, ec2, autoScaling, cloudFormation, kubernetes, tools } = ports;
  const locked =
    <Arguments extends unknown[], Answer>(call: (...args: Arguments) => Promise<Answer>) =>
    async (...args: Arguments): Promise<Answer> => {
      await confirm();
      return await call(...args);
    };
  return {
    ...ports,
    eks: {
      ...eks,
      createNodegroup: locked((...call) => eks.createNodegroup(...call)),
      updateNodegroupScaling: locked((...call) => eks.updateNodegroupScaling(...call)),
      deleteNodegroup: locked((...call) => eks.deleteNodegroup(...call)),
      updateAddon: locked((...call) => eks.updateAddon(...call)),
    },
    ec2: {
      ...ec2,
      createSubnetCidrReservation: locked((...call) => ec2.createSubnetCidrReservation(...call)),
      deleteSubnetCidrReservation: locked((...call) => ec2.deleteSubnetCidrReservation(...call)),
      createLaunchTemplate: locked((...call) => ec2.createLaunchTemplate(...call)),
      deleteLaunchTemplate: locked((...call) => ec2.deleteLaunchTemplate(...call)),
    },
    autoScaling: {
      ...autoScaling,
      suspendProcesses: locked((...call) => autoScaling.suspendProcesses(...call)),
      resumeProcesses: locked((...call) => autoScaling.resumeProcesses(...call)),
      resizeGroup: locked((...call) => autoScaling.resizeGroup(...call)),
      terminateInstance: locked((...call) => autoScaling.terminateInstance(...call)),
      deleteGroup: locked((...call) => autoScaling.deleteGroup(...call)),
    },
    cloudFormation: {
      ...cloudFormation,
      deleteStack: locked((...call) => cloudFormation.deleteStack(...call)),
    },
    tools: { ...tools, run: locked((...call) => tools.run(...call)) },
    kubernetes: {
      ...kubernetes,
      annotateNode: locked((...call) => kubernetes.annotateNode(...call)),
      restartDeployment: locked((...call) => kubernetes.restartDeployment(...call)),
      setEnvironment: locked((...call) => kubernetes.setEnvironment(...call)),
      cordon: locked((...call) => kubernetes.cordon(...call)),
      uncordon: locked((...call) => kubernetes.uncordon(...call)),
      evict: locked((...call) => kubernetes.evict(...call)),
      createPod: locked((...call) => kubernetes.createPod(...call)),
      deletePod: locked((...call) => kubernetes.deletePod(...call)),
    },
  };
}
