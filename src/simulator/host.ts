import { createCertificate } from './certificate.ts';
import { type RunningServer, serve } from './http-server.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import type { World } from './world.ts';

export interface HostedWorld {
  /** For `AWS_ENDPOINT_URL` */
  awsUrl: string;
  kubernetesUrl: string;
  /** Text of a kubeconfig for the administrator; holds a token. */
  kubeconfig: string;
  /** Endpoint, region and the administrator's credentials, for AWS clients. */
  environment: Record<string, string>;
  close(): Promise<void>;
}

export interface HostOptions {
  /** Free ones unless told. */
  awsPort?: number;
  kubernetesPort?: number;
}

/**
 * Serves a world on two loopback ports: AWS over HTTP, Kubernetes over HTTPS with a certificate of its own.
 *
 * @throws PortInUse
 */
export async function hostWorld(
  world: World,
  { awsPort = 0, kubernetesPort = 0 }: HostOptions = {},
): Promise<HostedWorld> {
  const certificate = createCertificate();
  const { name, region } = world.cluster;
  const { accessKeyId, secretAccessKey, token } = world.administrator;
  const aws = await serve(world.aws, { port: awsPort });
  let kubernetes: RunningServer;
  try {
    kubernetes = await serve(world.kubernetes, { port: kubernetesPort, certificate });
  } catch (error) {
    await aws.close();
    throw error;
  }
  world.setEndpoint({ url: kubernetes.url, certificate: certificate.cert });
  return {
    awsUrl: aws.url,
    kubernetesUrl: kubernetes.url,
    kubeconfig: renderKubeconfig({ name, server: kubernetes.url, certificate: certificate.cert, token }),
    environment: {
      AWS_ENDPOINT_URL: aws.url,
      AWS_REGION: region,
      // What the AWS CLI reads in place of AWS_REGION.
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    async close() {
      await Promise.all([aws.close(), kubernetes.close()]);
    },
  };
}
