"""A snapshot's metadata in the form that others read: MLCommons Croissant 1.1, as JSON-LD."""

from dataclasses import dataclass, field
from typing import Any

from mlteam.data.digest import shorten_digest
from mlteam.data.parts import PARTS

CROISSANT_VERSION = "http://mlcommons.org/croissant/1.1"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CROISSANT_TYPES = {
    "BOOLEAN": "sc:Boolean",
    "DATE": "sc:Date",
    "TIMESTAMP": "sc:DateTime",
    "FLOAT": "sc:Float",
    "DOUBLE": "sc:Float",
    "DECIMAL": "sc:Float",
    "TINYINT": "sc:Integer",
    "SMALLINT": "sc:Integer",
    "INTEGER": "sc:Integer",
    "BIGINT": "sc:Integer",
    "HUGEINT": "sc:Integer",
}
FILE_SET, RECORD_SET = "parts", "rows"


@dataclass(frozen=True)
class DatasetInfo:
    """What a snapshot's own metadata does not say.

    Attributes:
        description: What a row is, in a sentence or two.
        licence: Address or SPDX id of the licence of the data.
        url: Where the data set can be asked for.
        creator: Who answers for it.
        columns: What each column says, by name; a column that is not there is described by its name.
    """

    description: str
    licence: str
    url: str
    creator: str
    columns: dict[str, str] = field(default_factory=dict)


def build_croissant(metadata: dict[str, Any], about: DatasetInfo) -> dict[str, Any]:
    """Return a snapshot as a Croissant data set.

    Args:
        metadata: The snapshot's metadata: pipeline, digest, created_at, files, rows, sources and columns, each column
            with name and type as DuckDB gives them.
        about: The rest.

    Returns:
        JSON-LD that `mlcroissant validate` accepts, to be written beside the files.
    """
    digest = str(metadata["digest"])
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"{metadata['pipeline']}-{shorten_digest(digest)}",
        "description": about.description,
        "conformsTo": CROISSANT_VERSION,
        "license": about.licence,
        "url": about.url,
        "creator": {"@type": "sc:Organization", "name": about.creator},
        "datePublished": str(metadata["created_at"]),
        # Croissant asks for a version of three numbers; a snapshot is told from others by its digest, never by a count.
        "version": "1.0.0",
        "isLiveDataset": False,
        "citeAs": f"snapshot {digest}",
        "prov:wasDerivedFrom": [
            {"@id": f"{source['name']}:{source['sha256']}"} for source in metadata.get("sources", [])
        ],
        "distribution": [
            *(
                {
                    "@type": "cr:FileObject",
                    "@id": name,
                    "name": name,
                    "contentUrl": name,
                    "encodingFormat": "application/x-parquet",
                    "sha256": sha256,
                }
                for name, sha256 in metadata["files"].items()
            ),
            {
                "@type": "cr:FileSet",
                "@id": FILE_SET,
                "name": FILE_SET,
                "description": f"{metadata['rows']} rows",
                "encodingFormat": "application/x-parquet",
                "includes": f"{PARTS}/*.parquet",
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": RECORD_SET,
                "name": RECORD_SET,
                "field": [_build_field(column, about.columns) for column in metadata["columns"]],
            }
        ],
    }


def _build_field(column: dict[str, Any], descriptions: dict[str, str]) -> dict[str, Any]:
    name = str(column["name"])
    return {
        "@type": "cr:Field",
        "@id": f"{RECORD_SET}/{name}",
        "name": name,
        "description": descriptions.get(name, name),
        "dataType": CROISSANT_TYPES.get(str(column["type"]).split("(")[0], "sc:Text"),
        "source": {"fileSet": {"@id": FILE_SET}, "extract": {"column": name}},
    }
