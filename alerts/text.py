"""
Parts of descriptions that many alerts share: how Prometheus writes the value, and where something is.
"""

COUNT = '{{ $value | printf "%.0f" }}'
PERCENT = "{{ $value | humanizePercentage }}"
DURATION = "{{ $value | humanizeDuration }}"

QUEUE = "{{ $labels.namespace }}/{{ $labels.queue }} on {{ $labels.cluster }}"
NAMESPACE = "namespace {{ $labels.namespace }} on {{ $labels.cluster }}"
CRON = "{{ $labels.namespace }}/{{ $labels.cron }} on {{ $labels.cluster }}"
LOCK = "The {{ $labels.type }} {{ $labels.lock }} on {{ $labels.cluster }}"
