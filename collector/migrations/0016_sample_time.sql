-- What the time of a sample of a queue means. A comment changes no data.

ALTER TABLE lynceus.queue_sample{on_cluster}
    COMMENT COLUMN `at` 'When the queue was like this: a multiple of 15 s; of a late sample the time at which it was taken';
