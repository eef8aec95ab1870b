/** The list of workers. */

import { useCallback, useMemo } from "react";
import type { Account } from "../account/account";
import type { Session } from "../account/session";
import { ListPage, NotKnown } from "../lanes/ListPage";
import type { Lane } from "../lanes/lane";
import { go, place } from "../place";
import { Centred } from "../ui/Centred";
import { Button, Words } from "../ui/parts";
import { useObservable } from "../ui/useObservable";
import { type Actions, optimistic } from "./actions";
import { Filters } from "./Filters";
import { WorkerRow } from "./WorkerRow";
import { type Filter, isShown, type Worker } from "./worker";

interface WorkerListProps {
  readonly lane: Lane;
  readonly session: Session;
  readonly actions: Actions;
}

const open = (id: string) => go({ view: "workers", worker: id });

export function WorkerList({ lane, session, actions }: WorkerListProps) {
  const { filter, worker: opened } = useObservable(place);
  const known = useObservable(lane.workers);
  const pending = useObservable(actions.pending);
  const workers = useMemo(
    () => known?.map((worker) => optimistic(worker, pending)) ?? null,
    [known, pending],
  );
  const shown = useMemo(
    () => workers?.filter((worker) => isShown(worker, filter)) ?? [],
    [workers, filter],
  );
  const { account, clock } = session;
  const row = useCallback(
    ({ item }: { readonly item: Worker }) => (
      <WorkerRow worker={item} clock={clock} isOpen={item.id === opened} onPress={open} />
    ),
    [clock, opened],
  );
  return (
    <ListPage
      lane={lane}
      title="Workers"
      items={shown}
      row={row}
      header={<Filters workers={workers ?? []} chosen={filter} />}
      empty={<Nothing isKnown={workers !== null} account={account} lane={lane} filter={filter} />}
    />
  );
}

interface NothingProps {
  readonly isKnown: boolean;
  readonly account: Account;
  readonly lane: Lane;
  readonly filter: Filter;
}

function Nothing({ isKnown, account, lane, filter }: NothingProps) {
  if (!isKnown) {
    return <NotKnown lane={lane} account={account} what="workers" />;
  }
  if (filter !== "all") {
    return (
      <Centred title={`No worker is ${filter}`}>
        <Button label="Show all" onPress={() => go({ filter: "all" })} />
      </Centred>
    );
  }
  return (
    <Centred title="There are no workers" detail="Start one where khala is installed:">
      <Words isMono size="small" selectable>
        khala worker echo-1 -- cat
      </Words>
    </Centred>
  );
}
