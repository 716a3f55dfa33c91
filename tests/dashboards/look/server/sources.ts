// Where queries go: base addresses.
export interface Sources { prometheus: string; clickhouse: string }
