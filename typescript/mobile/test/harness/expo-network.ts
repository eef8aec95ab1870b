/** What a device says of its network, as a test tells it. */

interface NetworkState {
  readonly isConnected: boolean;
}

const listeners = new Set<(state: NetworkState) => void>();

export function addNetworkStateListener(listener: (state: NetworkState) => void) {
  listeners.add(listener);
  return { remove: () => listeners.delete(listener) };
}

/** The device says that the network came, or went. */
export function sayNetwork(isConnected: boolean): void {
  for (const listener of [...listeners]) {
    listener({ isConnected });
  }
}
