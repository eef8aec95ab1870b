/** The page of a list of the lane: workers or runs, the way to the other one, the connection. */

import type { ReactElement } from "react";
import {
  FlatList,
  type ListRenderItem,
  Platform,
  RefreshControl,
  StyleSheet,
  View,
} from "react-native";
import { useSafeAreaInsets } from "react-native-safe-area-context";
import { type Account, mayRead } from "../account/account";
import type { List } from "../place";
import { RUNS } from "../runs/run";
import { Bar } from "../ui/Bar";
import { Centred } from "../ui/Centred";
import { Button } from "../ui/parts";
import { useTheme } from "../ui/theme";
import { useObservable } from "../ui/useObservable";
import { TOPIC } from "../workers/worker";
import { Banner, ConnectionPill } from "./Connection";
import type { Lane } from "./lane";
import { Tabs } from "./Tabs";
import { useRefresh } from "./useRefresh";

interface ListPageProps<T> {
  readonly lane: Lane;
  readonly title: string;
  readonly items: readonly T[];
  readonly row: ListRenderItem<T>;
  readonly header?: ReactElement;
  /** In the place of items when there are none. */
  readonly empty: ReactElement;
}

export function ListPage<T extends { readonly id: string }>(props: ListPageProps<T>) {
  const { lane, title, items, row, header, empty } = props;
  const { colours } = useTheme();
  const { bottom, left, right } = useSafeAreaInsets();
  const [isRefreshing, refresh] = useRefresh(lane);
  return (
    <View style={styles.page}>
      <Bar title={title}>
        {Platform.OS === "web" && (
          // A browser has no gesture for it.
          <Button label="Refresh" isBusy={isRefreshing} onPress={refresh} />
        )}
        <ConnectionPill lane={lane} />
      </Bar>
      <Tabs />
      <FlatList
        testID={title.toLowerCase()}
        data={items}
        keyExtractor={({ id }) => id}
        renderItem={row}
        ItemSeparatorComponent={Gap}
        contentContainerStyle={[
          styles.content,
          { paddingBottom: bottom + 24, paddingLeft: left + 12, paddingRight: right + 12 },
        ]}
        refreshControl={
          <RefreshControl
            refreshing={isRefreshing}
            onRefresh={refresh}
            tintColor={colours.accent}
            colors={[colours.accent]}
            progressBackgroundColor={colours.card}
          />
        }
        ListHeaderComponent={
          <View style={styles.header}>
            <Banner lane={lane} />
            {header}
          </View>
        }
        ListEmptyComponent={empty}
      />
    </View>
  );
}

interface NotKnownProps {
  readonly lane: Lane;
  readonly account: Account;
  readonly what: List;
}

/** In the place of a list that has not come yet, or does not come. */
export function NotKnown({ lane, account, what }: NotKnownProps) {
  const { state } = useObservable(lane.status);
  const topic = what === "runs" ? RUNS : TOPIC;
  if (!mayRead(account, topic)) {
    return <Centred title={`Your key is not for ${what}`} detail={`It lacks ${topic}.`} />;
  }
  const isBusy = state === "connecting" || state === "catching-up";
  return isBusy ? <Centred title="Reading…" isBusy /> : <Centred title="Nothing is known yet" />;
}

const Gap = () => <View style={styles.gap} />;

const styles = StyleSheet.create({
  page: { flex: 1 },
  content: { paddingTop: 12, flexGrow: 1 },
  header: { gap: 12, paddingBottom: 12 },
  gap: { height: 10 },
});
