-- What columns about GPUs hold, now that shares of a card are computed.
--
-- The rules of 0001_first.sql hold here too.

ALTER TABLE lynceus.pod_run{on_cluster}
    COMMENT COLUMN gpu 'Requested GPUs, as devices; how large a device is, `pricing` says',
    COMMENT COLUMN pricing 'Labels and annotations that decide the price; those of the node begin with `node:`; `requests:gpu` is what containers request of GPUs';

ALTER TABLE lynceus.node_run{on_cluster}
    COMMENT COLUMN gpu 'GPUs of the node: cards, not slices',
    COMMENT COLUMN pricing 'Labels that decide the price, and what the node says of its GPUs, with the prefix `node:`';
