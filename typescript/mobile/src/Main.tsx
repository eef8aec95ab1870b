/** The application of an account: its lane, the list, the worker that is open. */

import { useCallback, useEffect, useRef, useState } from "react";
import { StyleSheet, View } from "react-native";
import { AccountView } from "./account/AccountView";
import { type Account, storeName } from "./account/account";
import { Session } from "./account/session";
import { Flag } from "./flags";
import { watchDevice } from "./host/device";
import { useLane } from "./lanes/change";
import type { Lane } from "./lanes/lane";
import { place, watchPlace } from "./place";
import { RunList } from "./runs/RunList";
import { BUILT_LANE } from "./settings";
import { Centred } from "./ui/Centred";
import { Covered } from "./ui/Covered";
import { useTheme } from "./ui/theme";
import { useObservable } from "./ui/useObservable";
import { Actions } from "./workers/actions";
import { WorkerList } from "./workers/WorkerList";
import { WorkerView } from "./workers/WorkerView";

interface MainProps {
  readonly account: Account;
  readonly onSignedOut: () => void;
}

export function Main({ account, onSignedOut }: MainProps) {
  const [{ session, flag, actions }] = useState(() => open(account));
  const flagged = useObservable(flag.lane);
  const mayStart = useObservable(flag.isKnown);
  const { lane, leave } = useLane(mayStart ? (flagged ?? BUILT_LANE) : null, session);
  useDevice(session, flag, lane);
  useEffect(() => watchPlace(), []);
  useEffect(() => {
    const settle = () => actions.settle(lane?.workers.get() ?? []);
    const ends = [lane?.workers.subscribe(settle), actions.pending.subscribe(settle)];
    return () => {
      for (const end of ends) {
        end?.();
      }
    };
  }, [lane, actions]);
  const signOut = useCallback(async () => {
    await leave();
    await forget(account);
    onSignedOut();
  }, [account, leave, onSignedOut]);
  return lane === null ? (
    <Centred title="Starting…" isBusy />
  ) : (
    <Views {...{ lane, session, actions }} onSignOut={signOut} />
  );
}

interface ViewsProps {
  readonly lane: Lane;
  readonly session: Session;
  readonly actions: Actions;
  readonly onSignOut: () => Promise<void>;
}

/** The list stays under what is open, so that it keeps its place; beside it where there is room. */
function Views({ lane, session, actions, onSignOut }: ViewsProps) {
  const { isWide, colours } = useTheme();
  const { view, list, worker } = useObservable(place);
  const isAccount = view === "account";
  const isOpen = isAccount || worker !== null;
  // Nothing of a run opens: without anything beside it, its list has the room.
  const isBeside = isWide && (isOpen || list === "workers");
  return (
    <View style={isWide ? styles.wide : styles.narrow} testID={`lane-${lane.name}`}>
      <Covered isCovered={isOpen && !isWide} isWide={isBeside}>
        {list === "runs" ? (
          <RunList {...{ lane, session }} />
        ) : (
          <WorkerList {...{ lane, session, actions }} />
        )}
      </Covered>
      {(isOpen || isBeside) && (
        <View
          style={[
            isWide ? styles.beside : StyleSheet.absoluteFill,
            { backgroundColor: colours.page, borderColor: colours.line },
          ]}
        >
          {isAccount ? (
            <AccountView {...{ lane, session, onSignOut }} />
          ) : worker === null ? (
            <Centred title="No worker is open" detail="Choose one from the list." />
          ) : (
            <WorkerView key={worker} id={worker} {...{ lane, session, actions }} />
          )}
        </View>
      )}
    </View>
  );
}

function open(account: Account) {
  const session = new Session(account);
  return { session, flag: new Flag(session), actions: new Actions(session) };
}

/** Passes on what the device says. */
function useDevice(session: Session, flag: Flag, lane: Lane | null): void {
  const current = useRef<Lane | null>(null);
  current.current = lane;
  useEffect(() => {
    flag.watch();
    const wake = () => {
      // The steady clock may have stood still; whether the key is good, the lane says.
      session.renew().catch(() => undefined);
      current.current?.wake();
      flag.watch();
    };
    const unwatch = watchDevice({
      onShown: wake,
      onHidden: () => {
        current.current?.sleep();
        flag.stop();
      },
      onNetwork: wake,
    });
    return () => {
      unwatch();
      flag.stop();
    };
  }, [session, flag]);
}

/** Deletes what is stored for the account. */
async function forget(account: Account): Promise<void> {
  const { openStore } = await import("./stores/open");
  const store = openStore(storeName(account));
  await store.clear();
  await store.close();
}

const styles = StyleSheet.create({
  narrow: { flex: 1 },
  wide: { flex: 1, flexDirection: "row" },
  beside: { flex: 1, borderLeftWidth: StyleSheet.hairlineWidth },
});
