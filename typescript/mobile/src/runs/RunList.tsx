/** The list of runs. */

import { useCallback } from "react";
import type { Session } from "../account/session";
import { ListPage, NotKnown } from "../lanes/ListPage";
import type { Lane } from "../lanes/lane";
import { Centred } from "../ui/Centred";
import { Words } from "../ui/parts";
import { useObservable } from "../ui/useObservable";
import { RunRow } from "./RunRow";
import type { Run } from "./run";

interface RunListProps {
  readonly lane: Lane;
  readonly session: Session;
}

export function RunList({ lane, session }: RunListProps) {
  const runs = useObservable(lane.runs);
  const { account, clock } = session;
  const row = useCallback(
    ({ item }: { readonly item: Run }) => <RunRow run={item} clock={clock} />,
    [clock],
  );
  const empty =
    runs === null ? (
      <NotKnown lane={lane} account={account} what="runs" />
    ) : (
      <Centred title="There are no runs" detail="Start one where khala is installed:">
        <Words isMono size="small" selectable>
          khala run -- make test
        </Words>
      </Centred>
    );
  return <ListPage lane={lane} title="Runs" items={runs ?? []} row={row} empty={empty} />;
}
