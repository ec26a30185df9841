/** The parts of the Kubernetes client that we use: what is not named here stays out of the bundle. */
export { bufferFromFileOrString, HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node';
