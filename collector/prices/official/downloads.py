"""
Where the official price list of a product is downloaded, and the command that imports it: for help and for messages.
"""

from typing import NamedTuple


class Download(NamedTuple):
    """Where a product's list is, with REGION for the region, and how the downloaded file is named."""

    source: str
    file: str
    note: str = ""
    china: str = ""
    """Where the list of a region in China is; empty: at the same place."""


DOWNLOADS = {
    "aws-fargate-eks": Download(
        "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEKS/current/REGION/index.json",
        "index.json",
        "without REGION/ the file has all regions; index.csv works too",
        "https://pricing.cn-north-1.amazonaws.com.cn/offers/v1.0/cn/AmazonEKS/current/REGION/index.json",
    ),
    "azure-aci": Download(
        "https://prices.azure.com/api/retail/prices?$filter=serviceName eq 'Container Instances'"
        " and armRegionName eq 'REGION'",
        "prices.json",
        "follow NextPageLink and give all pages",
    ),
    "gke-autopilot": Download(
        "https://cloudbilling.googleapis.com/v1/services/CCD8-9BF1-090E/skus?pageSize=5000&key=YOUR_API_KEY",
        "skus.json",
        "all regions in one list; follow nextPageToken and give all pages",
    ),
    "alibaba-eci": Download(
        "aliyun eci DescribeContainerGroupPrice --RegionId REGION --Cpu 2 --Memory 4",
        "REGION_2-4Gi.json",
        "a file for each region and size, named like that; add --InstanceType, --ComputeCategory or --SpotStrategy",
    ),
}
"""By product. Alibaba has no list for ACS: its prices are on its pages and on bills."""


def how_to_import(product: str, region: str) -> str:
    """How a region without a price gets one: the list to download and the command; empty if there is no list."""
    if product not in DOWNLOADS or not region:
        return ""
    download = DOWNLOADS[product]
    source = download.china if download.china and region.startswith("cn-") else download.source
    file = download.file.replace("REGION", region)
    command = f"lynceus prices import {file} --region {region} --out {product}-{region}.yaml"
    return f"save {source.replace('REGION', region)} as {file}, run `{command}`, and add that file to `prices`"
