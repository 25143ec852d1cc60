// The names under which MessagePack travels. The registered one is vnd.msgpack; what people write is the first.
// Source: iana.org/assignments/media-types/application/vnd.msgpack.

export const MSGPACK_TYPE = "application/msgpack";

/** All of them. */
export const MSGPACK_TYPES = [MSGPACK_TYPE, "application/x-msgpack", "application/vnd.msgpack"] as const;

/** Whether a media type, without its parameters, is MessagePack. */
export const isMsgpack = (essence: string): boolean => (MSGPACK_TYPES as readonly string[]).includes(essence);
