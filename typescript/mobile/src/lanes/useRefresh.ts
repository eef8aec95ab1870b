/** Reading once more, as somebody asks. */

import { useCallback, useState } from "react";
import type { Lane } from "./lane";

/** Whether a refresh is under way, and how to begin one. */
export function useRefresh(lane: Lane): readonly [boolean, () => void] {
  const [isRefreshing, setRefreshing] = useState(false);
  const refresh = useCallback(() => {
    setRefreshing(true);
    // It does not fail: the lane's state says what is wrong.
    void lane.refresh().finally(() => setRefreshing(false));
  }, [lane]);
  return [isRefreshing, refresh];
}
