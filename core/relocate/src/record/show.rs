//! A record as others may print it. Nothing reads it back: bytes become a record by [`EdgeRecord::decode`] alone.

use super::{EdgeRecord, Terms};
use serde::ser::{Serialize, SerializeStruct, Serializer};

impl Serialize for Terms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut into = serializer.serialize_struct("Terms", 2)?;
        into.serialize_field("ttl_ns", &self.ttl.as_nanos())?;
        into.serialize_field("drift_ppm", &self.drift_ppm)?;
        into.end()
    }
}

impl Serialize for EdgeRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut into = serializer.serialize_struct("EdgeRecord", 13)?;
        into.serialize_field("ver", &self.ver)?;
        into.serialize_field("edge", &self.edge)?;
        into.serialize_field("generation", &self.generation)?;
        into.serialize_field("owner", &self.owner)?;
        into.serialize_field("frontier", &self.frontier)?;
        into.serialize_field("floor", &self.floor)?;
        into.serialize_field("end", &self.end)?;
        into.serialize_field("complaint", &self.complaint)?;
        into.serialize_field("lease", &self.lease)?;
        into.serialize_field("chain", &self.chain)?;
        into.serialize_field("deterministic", &self.deterministic)?;
        into.serialize_field("accepted_loss", &self.accepted_loss)?;
        into.serialize_field("segs", self.segs())?;
        into.end()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ChainKind, EdgeId, EdgeRecord, FenceEpoch, HostId, Incarnation, Nonce, Owner, Seg, StageId, Terms,
    };
    use alloc::string::ToString;
    use tidemill_seam::Duration;

    #[test]
    fn a_record_is_shown_with_the_segments_that_it_names_and_no_others() {
        let terms = Terms { ttl: Duration::from_secs(1), drift_ppm: 200 };
        let mut record = EdgeRecord::new(EdgeId([1; 16]), ChainKind::Content, terms);
        let owner = Owner { stage: StageId([2; 16]), inc: Incarnation(3) };
        let seg = Seg { generation: FenceEpoch::new(1), host: HostId(4), nonce: Nonce(5), base: 0 };
        record.hand_over(owner, seg).expect("the first");
        let shown = serde_json::to_value(&record).expect("numbers and words");
        assert_eq!(shown["segs"].to_string(), r#"[{"base":0,"generation":1,"host":4,"nonce":5}]"#);
        assert_eq!((&shown["lease"]["ttl_ns"], &shown["chain"]), (&1_000_000_000.into(), &"Content".into()));
        assert_eq!(shown.as_object().map(|fields| fields.len()), Some(13));
    }
}
