/** What the device says of the application and the network. */

import { addNetworkStateListener } from "expo-network";
import { AppState } from "react-native";

export interface DeviceEvents {
  /** The application is shown again. */
  readonly onShown: () => void;
  /** It goes out of sight, and may end without another word. */
  readonly onHidden: () => void;
  /** The network came, or went. */
  readonly onNetwork: (isThere: boolean) => void;
}

/** Calls these until the returned function is called. */
export function watchDevice({ onShown, onHidden, onNetwork }: DeviceEvents): () => void {
  let isShown = AppState.currentState !== "background";
  const states = AppState.addEventListener("change", (state) => {
    // `inactive` is a moment: a call comes in, or the list of applications is shown.
    if (state === "active" && !isShown) {
      isShown = true;
      onShown();
    } else if (state === "background" && isShown) {
      isShown = false;
      onHidden();
    }
  });
  const network = addNetworkStateListener(({ isConnected }) => onNetwork(isConnected !== false));
  return () => {
    states.remove();
    network.remove();
  };
}
