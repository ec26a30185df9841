import type { Server } from '../readable.ts';

export const apiServer: Server = {
  area: 'KUBERNETES',
  name: 'The API server',
  look: 'kubectl get nodes,pods --all-namespaces -o yaml',
};
