/** The latest events of a worker, the newest first. */

import { memo, useState } from "react";
import { Pressable, StyleSheet, View } from "react-native";
import { text } from "../json";
import { Button, Card, Words } from "../ui/parts";
import { useTheme } from "../ui/theme";
import { clockTime } from "../ui/times";
import { useObservable } from "../ui/useObservable";
import type { WorkerEvent } from "./api";
import { type EventFeed, KEPT } from "./events";

export function EventList({ feed }: { readonly feed: EventFeed }) {
  const { events, isRead, error } = useObservable(feed.feed);
  return (
    <Card>
      <Words size="heading" level={2}>
        Events
      </Words>
      <Words size="small" isMuted>
        {events.length === KEPT ? `The last ${KEPT}, newest first` : "Newest first"}
      </Words>
      {error !== null && (
        <>
          <Words size="small">{error}</Words>
          <Button label="Read them again" onPress={() => feed.again()} />
        </>
      )}
      {events.length === 0 && error === null && (
        <Words isMuted>{isRead ? "There are none." : "Reading…"}</Words>
      )}
      <View testID="events">
        {events.map((event) => (
          <EventRow key={event.seq} event={event} />
        ))}
      </View>
    </Card>
  );
}

const EventRow = memo(function EventRow({ event }: { readonly event: WorkerEvent }) {
  const { colours } = useTheme();
  const [isOpen, setOpen] = useState(false);
  const { seq, type, recordedAt, payload } = event;
  const time = clockTime(recordedAt);
  const short = gist(event);
  return (
    <Pressable
      accessibilityRole="button"
      accessibilityLabel={`Event ${seq}, ${type}, ${time}${short && `, ${short}`}`}
      accessibilityHint="Shows its payload"
      accessibilityState={{ expanded: isOpen }}
      aria-expanded={isOpen}
      testID={`event-${seq}`}
      onPress={() => setOpen(!isOpen)}
      style={({ pressed }) => [
        styles.event,
        { borderColor: colours.line },
        pressed && { backgroundColor: colours.pressed },
      ]}
    >
      <View style={styles.line}>
        <Words size="small" isBold style={styles.type}>
          {type}
        </Words>
        <Words size="small" isMuted>
          {seq} · {time}
        </Words>
      </View>
      {short !== "" && !isOpen && (
        <Words size="small" isMuted numberOfLines={2}>
          {short}
        </Words>
      )}
      {isOpen && (
        <Words size="small" isMono selectable>
          {JSON.stringify(payload, null, 2)}
        </Words>
      )}
    </Pressable>
  );
});

/** An event's payload in a line; empty for an empty one. */
function gist({ payload }: WorkerEvent): string {
  const said =
    text(payload, "message") ||
    text(payload, "last_line") ||
    text(payload, "task") ||
    text(payload, "reason") ||
    text(payload, "text");
  return said || (Object.keys(payload).length === 0 ? "" : JSON.stringify(payload).slice(0, 200));
}

const styles = StyleSheet.create({
  event: { paddingVertical: 9, borderTopWidth: StyleSheet.hairlineWidth, gap: 2 },
  line: { flexDirection: "row", flexWrap: "wrap", columnGap: 10, justifyContent: "space-between" },
  type: { flexShrink: 1 },
});
